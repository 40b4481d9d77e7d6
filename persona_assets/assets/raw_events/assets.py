"""The assets `raw_events` and `rejected_lines`, made in one step: one pass over the raw bytes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.raw_events.read_files import FILES_NAMED, Counts
from persona_assets.capture.files import digest_files, find_missing_hours
from persona_assets.capture.resource import Capture
from persona_assets.common.checks import Check, adds_up
from persona_assets.common.collection_names import shorten_kinds
from persona_assets.common.metadata import count_table, measured, provenance_table
from persona_assets.common.progress import Progress
from persona_assets.common.provenance import describe_step
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.unselected_outputs import yield_or_store
from persona_assets.partitions import days_of_window, parse_day

_NAME_LENGTH = 200  # of a file's name as it is shown
# Shares beyond which a capture deserves a look.
_MOST_REJECTED, _MOST_REPEATED, _MOST_OUT_OF_ORDER = 0.01, 0.05, 0.05
# A file that was open at midnight, by the minute even, is 0.07 % of a day at most; a recorder's clock that is off by a
# quarter of an hour 1 %.
_MOST_OUTSIDE = 0.01

_ADDS_UP = adds_up(
    "raw_events", of="line", advice="Lines are neither events nor rejected: report this, it is a defect."
)
_FILES_READ = Check(
    "raw_events",
    "every_file_was_read_to_its_end",
    "Files are damaged, or are none that can be read (bytes_not_read in the metadata): they are in rejected_lines, "
    "with the reason. Mend them and materialize again.",
)
_FILES_HAVE_EVENTS = Check(
    "raw_events",
    "every_file_has_events",
    "Files that are not empty gave no event (the first of them are in the metadata): rejected_lines says what they "
    "are. Convert them, or take them out of the capture.",
)
_FEW_REJECTED = Check(
    "raw_events",
    "few_lines_are_rejected",
    f"More than {_MOST_REJECTED:.0%} of the lines are no events: look at the reasons and lines in rejected_lines.",
)
_FEW_REPEATED = Check(
    "raw_events",
    "few_events_are_repeated",
    f"More than {_MOST_REPEATED:.0%} of the events are there again: look for files captured twice, or a consumer that "
    "started over. user_actions counts each once.",
)
_IN_ORDER = Check(
    "raw_events",
    "events_are_in_order",
    f"More than {_MOST_OUT_OF_ORDER:.0%} of the events are earlier than one before them in their file: look whether "
    "files were joined, or the relay replayed.",
)
_OF_THE_DAY = Check(
    "raw_events",
    "few_events_are_outside_the_day",
    f"More than {_MOST_OUTSIDE:.0%} of the events are of another day (UTC): look whether their times are in "
    "microseconds, whether the recorder's clock was right, and whether the files lie in the folder of their day.",
)
_EVERY_HOUR = Check(
    "raw_events",
    "every_hour_has_files",
    "Hours of the day have no file (hours_without_files in the metadata): the capture has a gap, or files are missing.",
)
_CHECKS = (
    _ADDS_UP,
    _FILES_READ,
    _FILES_HAVE_EVENTS,
    _FEW_REJECTED,
    _FEW_REPEATED,
    _IN_ORDER,
    _OF_THE_DAY,
    _EVERY_HOUR,
)

_RAW_EVENTS = """Everything that the capture recorded on the day: what users wrote, liked, followed, deleted and so on.

One row is one event, as it came; what was recorded twice is there twice. If the day looks too small, look at the checks
(missing hours, rejected lines) and then at `rejected_lines`. Next: `user_actions`.
"""
_REJECTED_LINES = """Lines of the day's files that are no events, kept so that nothing is lost in silence.

One row is one line of a file: where it is, why it was rejected, and its content. A few are usual, where a recorder was
stopped in the middle of a line. If there are many, the table of reasons says what is wrong with the files.
"""


_OUTPUTS = {"raw_events": _RAW_EVENTS, "rejected_lines": _REJECTED_LINES}


def _describe_output(description: str) -> dg.AssetOut:
    return dg.AssetOut(
        is_required=False,
        kinds={"python", "parquet"},
        tags={"stage": "capture"},
        owners=["team:persona_assets"],
        description=description,
    )


def build_raw_events(days: dg.DailyPartitionsDefinition, *, either_alone: bool = True) -> dg.AssetsDefinition:
    """Return both assets, which read the capture's files of a day.

    Args:
        days: The graph's.
        either_alone: Whether either may be selected alone; the other one comes along. The UI adds it by itself where it
            may not, and then knows that the checks cannot be executed alone.
    """

    @dg.multi_asset(
        group_name="persona_assets",
        partitions_def=days,
        can_subset=either_alone,
        outs={name: _describe_output(description) for name, description in _OUTPUTS.items()},
        check_specs=[check.spec(days) for check in _CHECKS],
    )
    def raw_events(
        context: dg.AssetExecutionContext,
        capture: Capture,
        scratch: Scratch,
        io_manager: dg.ResourceParam[dg.IOManager],
    ):
        """Every line of the day's files, as an event or as a rejected line."""
        day = parse_day(context.partition_key)
        made = describe_step(
            "raw_events", days=days_of_window(context.partition_key, days), libraries=("msgspec", "numpy", "zstandard")
        )
        with measured() as cost:
            files = capture.find_day(day)
            progress = Progress(context.log.info, what="lines")
            parsed = parse_files(
                files,
                day=day,
                workers=capture.count_workers(),
                scratch=scratch.new_folder(),
                dictionaries=capture.load_dictionaries(),
                report=progress.add,
                provenance=made,
            )
        counts, missing = parsed.counts, find_missing_hours(files)
        context.log.info("%d lines of %d files: %d events", counts.lines, counts.files, counts.events)
        events = dg.MaterializeResult(
            asset_key="raw_events",
            value=parsed.raw_events,
            metadata=_describe(counts, cost)
            | {
                "hours_without_files": _name_hours(missing),
                # Of names and sizes: by it the sensor sees that a day has grown since.
                "files_digest": digest_files(files),
                **provenance_table(made),
            },
            check_results=check_day(counts, missing),
        )
        rejected = dg.MaterializeResult(
            asset_key="rejected_lines",
            value=parsed.rejected_lines,
            metadata={
                "rejected": count_table(counts.rejected, of="reason"),
                "lines": counts.lines,
                **provenance_table(made),
            },
        )
        yield from yield_or_store(context, io_manager, (events, rejected))

    return raw_events


def _describe(counts: Counts, cost: Mapping[str, float]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for (kind, collection, operation), count in counts.kinds.items():
        kinds[f"{collection} {operation}" if kind == "commit" else kind] += count
    seconds = max(cost["seconds"], 1e-3)
    return {
        "files": counts.files,
        "bytes": counts.bytes,
        "bytes_not_read": counts.bytes_not_read,
        "lines": counts.lines,
        "dropped": count_table(counts.rejected, of="reason"),
        "events": count_table(shorten_kinds(kinds), of="kind"),
        "extra_values": counts.extra_values,
        "cut_texts": counts.cut_texts,
        "cut_langs": counts.cut_langs,
        "outside_day": counts.outside_day,
        "out_of_order_share": round(counts.out_of_order_share, 6),
        "repeated_share": round(counts.repeated_share, 6),
        "lines_per_second": round(counts.lines / seconds),
        "megabytes_per_second": round(counts.line_bytes / seconds / 1e6, 1),
        **cost,
    }


def _name_hours(hours: list[int] | None) -> str:
    if hours is None:
        return "unknown: names tell no hours"
    return ", ".join(f"{hour:02d}" for hour in hours) or "none"


def _name_files(files: Sequence[tuple[str, int]]) -> dg.TableMetadataValue:
    """Return the first of some files: where they lie in the capture, and how large they are."""
    return dg.MetadataValue.table(
        [dg.TableRecord({"file": _shorten_name(name), "bytes": size}) for name, size in files[:FILES_NAMED]],
        schema=dg.TableSchema([dg.TableColumn("file", "string"), dg.TableColumn("bytes", "int")]),
    )


def _shorten_name(name: str) -> str:
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in name)
    return shown if len(shown) <= _NAME_LENGTH else f"{shown[: _NAME_LENGTH // 2]}…{shown[-_NAME_LENGTH // 2 :]}"


def check_day(counts: Counts, missing_hours: list[int] | None) -> list[dg.AssetCheckResult]:
    """Return the outcome of each of the day's checks."""
    rejected = counts.rejected.total()
    shares = {
        _FEW_REJECTED: (rejected / max(counts.lines, 1), _MOST_REJECTED),
        _FEW_REPEATED: (counts.repeated_share, _MOST_REPEATED),
        _IN_ORDER: (counts.out_of_order_share, _MOST_OUT_OF_ORDER),
        _OF_THE_DAY: (counts.outside_day_share, _MOST_OUTSIDE),
    }
    return [
        _ADDS_UP.answer(
            passed=counts.lines + counts.extra_values == counts.events + rejected,
            lines=counts.lines,
            extra_values=counts.extra_values,
            events=counts.events,
            rejected=rejected,
        ),
        _FILES_READ.answer(
            passed=counts.broken_files == 0,
            broken_files=counts.broken_files,
            bytes_not_read=counts.bytes_not_read,
            files=counts.files,
        ),
        _FILES_HAVE_EVENTS.answer(
            passed=counts.files_without_events == 0,
            files_without_events=counts.files_without_events,
            bytes_without_events=counts.bytes_without_events,
            first_of_them=_name_files(counts.named_without_events),
        ),
        *(check.answer(passed=share <= most, share=round(share, 6)) for check, (share, most) in shares.items()),
        _EVERY_HOUR.answer(passed=not missing_hours, hours_without_files=_name_hours(missing_hours)),
    ]
