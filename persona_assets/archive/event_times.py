"""When something happened of which the archive knows only when its server saw it."""

import datetime as dt
from typing import Any, Literal

from persona_assets.archive.blocks import CREATE, CREATE_BY_RESYNC, Block
from persona_assets.archive.dag_cbor import DagCborError, decode_record

TimeSource = Literal["imported", "created", "witnessed"]
# Bluesky's first records are of November 2022: an earlier `createdAt` is another network's, or invented.
_EARLIEST_US, _LIMIT_US = 1_667_260_800_000_000, 4_102_444_800_000_000  # 2022-11-01, 2100-01-01
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# A record that the server saw within this time of its creation came by the stream, whose time is the better one.
_SEEN_AT_ONCE_US = 86_400_000_000


def find_event_time(block: Block, row: int) -> tuple[int, TimeSource]:
    """Return the time of an event in microseconds since 1970 (UTC), and which field it was taken from.

    What is older than the archive was seen by its server at once, when it began. The time that was imported with the
    event counts before `createdAt` of a created record, which the author's app sets. It counts where it lies between
    November 2022 and a day before the server saw the record; otherwise the time at which the server saw it does.

    Args:
        block: The block.
        row: Number of the event in the block.
    """
    witnessed = int(block.witnessed_us[row])
    if is_plausible_time(imported := int(block.indexed_us[row])):
        return imported, "imported"
    if block.kinds[row] in (CREATE, CREATE_BY_RESYNC):
        created = _read_created(block.payloads[row])
        if created is not None and _EARLIEST_US <= created <= witnessed - _SEEN_AT_ONCE_US:
            return created, "created"
    return witnessed, "witnessed"


def is_plausible_time(time_us: int) -> bool:
    """Return whether a time in microseconds since 1970 is from November 2022 to 2099, when Bluesky has events."""
    return _EARLIEST_US <= time_us < _LIMIT_US


def _read_created(payload: bytes) -> int | None:
    try:
        record: Any = decode_record(payload)
        written: Any = record.get("createdAt") if isinstance(record, dict) else None
        since = dt.datetime.fromisoformat(written) - _EPOCH
    except (DagCborError, ValueError, TypeError, OverflowError):  # no record, no instant, no time zone
        return None
    return since // dt.timedelta(microseconds=1)
