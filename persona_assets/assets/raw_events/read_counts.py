"""Counts of what was read from the capture files of a day."""

from collections import Counter
from dataclasses import dataclass, field

from persona_assets.common.collection_names import OTHER

# Maximum number of distinct kinds of events that are counted: anyone may invent names of collections.
_MAX_KINDS = 20_000
# What is left out because an account was forgotten.
FORGOTTEN_EVENTS = "events of forgotten accounts"
EVENTS_ABOUT_FORGOTTEN = "likes, reposts, follows and blocks of forgotten accounts"
FORGOTTEN_LINES = "rejected lines that name forgotten accounts"
# Maximum number of files without events whose names are kept; all of them are counted.
MAX_FILES_NAMED = 20


@dataclass
class ReadCounts:
    """Counts of what was read from capture files; `lines` + `extra_values` = events + rejected + forgotten."""

    files: int = 0
    bytes: int = 0  # size of the files as stored, compressed or not
    line_bytes: int = 0  # size of the decompressed lines, without line ends
    lines: int = 0  # a place where a file is damaged counts as a line
    extra_values: int = 0  # events and rejected objects beyond the first on their line
    cut_texts: int = 0  # texts truncated to the limit of their lexicon
    cut_langs: int = 0  # language lists truncated to the limits of the lexicon
    cut_labels: int = 0  # profiles whose self-labels are over the limits of the lexicon or of another form
    cut_consents: int = 0  # records of consent that are not kept, because they are too long or not there
    broken_files: int = 0
    bytes_not_read: int = 0  # of damaged files, as stored
    files_without_events: int = 0  # files with lines of which none holds an event
    bytes_without_events: int = 0  # size of these files
    # Name and size of the first `MAX_FILES_NAMED` of these files.
    first_files_without_events: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    out_of_order: int = 0  # events with an earlier time than some event before them in their file
    other_days: int = 0  # events of archive segments that belong to other days: not among the lines
    outside_day: int = 0  # events with a time outside the day (UTC)
    repeated: int = 0  # events that repeat another event in every column, the first not counted
    rejected: Counter[str] = field(default_factory=Counter[str])  # by reason
    # Events and rejected lines that are left out because an account was forgotten, by what they are.
    forgotten: Counter[str] = field(default_factory=Counter[str])
    forgotten_references: int = 0  # events that are kept, without a reference to a forgotten account
    # Events by kind, collection and operation.
    kinds: Counter[tuple[str, str | None, str | None]] = field(
        default_factory=Counter[tuple[str, str | None, str | None]]
    )

    def add(self, other: "ReadCounts") -> None:
        """Add the counts of another process to these."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.limit_kinds()

    def limit_kinds(self) -> None:
        """Sum the events of the rarest collections under `OTHER` if there are more than `_MAX_KINDS` kinds."""
        if len(self.kinds) > _MAX_KINDS:
            order = sorted(self.kinds.items(), key=lambda item: (-item[1], str(item[0])))
            self.kinds = Counter(dict(order[: _MAX_KINDS // 2]))
            for (kind, _, operation), count in order[_MAX_KINDS // 2 :]:
                self.kinds[kind, OTHER, operation] += count

    @property
    def events(self) -> int:
        """Number of events that were written to sorted runs, of all kinds."""
        return self.kinds.total()

    @property
    def events_read(self) -> int:
        """Number of events read so far, including those that are buffered and not in `kinds` yet."""
        return self.lines + self.extra_values - self.rejected.total() - self.forgotten[FORGOTTEN_LINES]

    @property
    def repeated_share(self) -> float:
        """Share of events that repeat another event in every column, the first not counted: 0 to 1."""
        return self.repeated / max(self.events, 1)

    @property
    def out_of_order_share(self) -> float:
        """Share of events with an earlier time than some event before them in their file, 0 to 1."""
        return self.out_of_order / max(self.events, 1)

    @property
    def outside_day_share(self) -> float:
        """Share of events with a time outside the day (UTC), 0 to 1."""
        return self.outside_day / max(self.events, 1)
