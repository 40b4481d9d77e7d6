"""What a recording is given and returns: filters, gaps, progress and the totals."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Filters:
    """Which events to subscribe to: by collection and by account (DID). Without any, all events.

    Attributes:
        collections: Names of collections (NSIDs), or prefixes such as `app.bsky.graph.*`; at most 100.
        dids: Ids of accounts; at most 10,000.
    """

    collections: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()


class Gap(NamedTuple):
    """A range of time [from_us, to_us), in microseconds since 1970 (UTC), whose events were not recorded."""

    from_us: int
    to_us: int
    why: str


class Progress(NamedTuple):
    """State of a running recording: numbers of events, bytes, reconnects and gaps, and the latest event time."""

    events: int  # written
    raw_bytes: int  # of these events
    last_time_us: int | None  # time of the latest event of the stream, in UTC microseconds; None before the first
    reconnects: int
    gaps: int
    message: str | None = None  # what has just happened, such as a lost connection; no text of a person


@dataclass
class Recording:
    """Totals of a finished recording: events, bytes, files, gaps, and dropped frames by reason.

    Attributes:
        events: Events written.
        raw_bytes: Bytes of these events, uncompressed.
        file_bytes: Bytes written to hour files.
        files: Hour files that were finished, in the order in which they were.
        gaps: What could not be recorded.
        first_time_us: Earliest time of a written event; None if there is none.
        last_time_us: Latest time of a written event; None if there is none.
        reconnects: Connections after the first.
        dropped: Frames received and not written, by reason.
        is_complete: Whether a range of time was recorded to its end; always False without an end.
    """

    events: int = 0
    raw_bytes: int = 0
    file_bytes: int = 0
    files: list[Path] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    first_time_us: int | None = None
    last_time_us: int | None = None
    reconnects: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    is_complete: bool = False


def find_excluded_collections(filters: Filters, needed: Sequence[str]) -> list[str]:
    """Return those of the collections `needed` that `filters` exclude; filters without collections exclude none."""
    if not filters.collections:
        return []
    prefixes = tuple(name.removesuffix("*") for name in filters.collections if name.endswith(".*"))
    return [name for name in needed if name not in filters.collections and not name.startswith(prefixes or ("\0",))]
