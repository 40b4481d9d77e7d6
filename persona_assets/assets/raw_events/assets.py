"""The assets `raw_events` and `rejected_lines`, made in one step by one pass over the capture files of a day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.raw_events.read_counts import MAX_FILES_NAMED, ReadCounts
from persona_assets.capture.files import digest_files, find_missing_hours
from persona_assets.capture.resource import Capture
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.collection_names import merge_rare_collections
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance
from persona_assets.common.scratch import Scratch
from persona_assets.forgetting.tombstone_files import read_tombstones
from persona_assets.io_managers.unselected_outputs import yield_selected_and_store_others
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.recording.day_notes import build_gap_metadata
from persona_assets.recording.results import Gap
from persona_assets.settings import read_settings

_NAME_LENGTH = 200  # maximum characters of a file name in metadata
# Shares above which a check warns.
_MAX_REJECTED_SHARE, _MAX_REPEATED_SHARE, _MAX_OUT_OF_ORDER_SHARE = 0.01, 0.05, 0.05
# A file that was open at midnight holds at most 0.07 % of the day's events, if files cover a minute each. A recorder's
# clock that is wrong by a quarter of an hour gives 1 %.
_MAX_OUTSIDE_SHARE = 0.01

_ADDS_UP = build_accounting_check(
    "raw_events",
    of="line",
    advice="Some lines are neither events nor rejected nor left out as forgotten: report this, it is a defect.",
)
_FILES_READ = Check(
    "raw_events",
    "every_file_was_read_to_its_end",
    "Files are damaged or of an unsupported format (bytes_not_read in the metadata): rejected_lines lists them with "
    "the reason. Repair them and materialize again.",
)
_FILES_HAVE_EVENTS = Check(
    "raw_events",
    "every_file_has_events",
    "Files that are not empty contain no event (the metadata names the first of them): rejected_lines says what they "
    "contain. Convert them, or remove them from the capture.",
)
_FEW_REJECTED = Check(
    "raw_events",
    "few_lines_are_rejected",
    f"More than {_MAX_REJECTED_SHARE:.0%} of the lines are not events: look at the reasons in rejected_lines.",
)
_FEW_REPEATED = Check(
    "raw_events",
    "few_events_are_repeated",
    f"More than {_MAX_REPEATED_SHARE:.0%} of the events are repeated: look for files that were captured twice, or a "
    "consumer that started over. user_actions counts each once.",
)
_IN_ORDER = Check(
    "raw_events",
    "events_are_in_order",
    f"More than {_MAX_OUT_OF_ORDER_SHARE:.0%} of the events are earlier than an event before them in their "
    "file: check whether files were joined, or the relay replayed its backlog.",
)
_OF_THE_DAY = Check(
    "raw_events",
    "few_events_are_outside_the_day",
    f"More than {_MAX_OUTSIDE_SHARE:.0%} of the events are of another day (UTC): check whether their times are in "
    "microseconds, whether the recorder's clock was right, and whether the files are in the folder of their day.",
)
_EVERY_HOUR = Check(
    "raw_events",
    "every_hour_has_files",
    "Hours of the day have no file (hours_without_files in the metadata): the capture has a gap, or files are missing.",
)
_NO_GAPS = Check(
    "raw_events",
    "the_recording_has_no_gaps",
    "The recorder noted ranges of time whose events it did not receive (gaps in the metadata, .gaps.json in the folder "
    "of the day). Counts of these hours are too low. While a server still replays the day, captured_events can record "
    "it again.",
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
    _NO_GAPS,
)

_RAW_EVENTS = """Everything that the capture recorded on the day: what users wrote, liked, followed, deleted and so on.

One row is one event, as it was received; an event that was recorded twice has two rows. If the day looks too small,
look at the checks (missing hours, rejected lines) and then at `rejected_lines`. Next: `user_actions`.
"""
_REJECTED_LINES = """Lines of the day's files that are not events, kept so that nothing is lost silently.

One row is one line of a file: its position, the reason for its rejection, and its content. A few are usual, where a
recorder was stopped in the middle of a line. If there are many, the table of reasons says what is wrong with the files.
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
    """Build the assets `raw_events` and `rejected_lines`, the events in the capture of a day, and lines that are none.

    Args:
        days: The daily partitions of the graph.
        either_alone: Whether a run may select only one of the two; the other is made and stored as well. If False, the
            UI selects both together, and knows that the checks cannot be executed alone.
    """

    @dg.multi_asset(
        group_name="persona_assets",
        partitions_def=days,
        can_subset=either_alone,
        deps=["captured_events"],
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
        made = build_provenance(
            "raw_events",
            days=list_window_days(context.partition_key, days),
            libraries=("msgspec", "numpy", "zstandard"),
        )
        with measuring_time_and_memory(context.log.info) as cost:
            files = capture.list_day_files(day)
            parsed = parse_files(
                files,
                day=day,
                workers=capture.count_workers(),
                scratch=scratch.new_folder(),
                dictionaries=capture.load_dictionaries(),
                provenance=made,
                tombstones=read_tombstones(UPath(read_settings().data).absolute()),
            )
        counts, missing = parsed.counts, find_missing_hours(files)
        context.log.info("%d lines of %d files: %d events", counts.lines, counts.files, counts.events)
        events = dg.MaterializeResult(
            asset_key="raw_events",
            value=parsed.raw_events,
            metadata=_describe(counts, cost)
            | {
                "hours_without_files": _name_hours(missing),
                # Digest of names and sizes, by which the sensor notices that a day has new data.
                "files_digest": digest_files(files),
                **provenance_table(made),
            },
            check_results=[*build_check_results(counts, missing), _check_gaps(capture.list_gaps(day))],
        )
        rejected = dg.MaterializeResult(
            asset_key="rejected_lines",
            value=parsed.rejected_lines,
            metadata={
                "rejected": build_count_table(counts.rejected, of="reason"),
                "lines": counts.lines,
                **provenance_table(made),
            },
        )
        yield from yield_selected_and_store_others(context, io_manager, (events, rejected))

    return raw_events


def _describe(counts: ReadCounts, cost: Mapping[str, float]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for (kind, collection, operation), count in counts.kinds.items():
        kinds[f"{collection} {operation}" if kind == "commit" else kind] += count
    seconds = max(cost["seconds"], 1e-3)
    return {
        "files": counts.files,
        "bytes": counts.bytes,
        "bytes_not_read": counts.bytes_not_read,
        "lines": counts.lines,
        "dropped": build_count_table(counts.rejected, of="reason"),
        "forgotten": build_count_table(counts.forgotten, of="what"),
        "forgotten_references": counts.forgotten_references,
        "events": build_count_table(merge_rare_collections(kinds), of="kind"),
        "extra_values": counts.extra_values,
        "cut_texts": counts.cut_texts,
        "cut_langs": counts.cut_langs,
        "cut_labels": counts.cut_labels,
        "cut_consents": counts.cut_consents,
        "other_days": counts.other_days,
        "outside_day": counts.outside_day,
        "out_of_order_share": round(counts.out_of_order_share, 6),
        "repeated_share": round(counts.repeated_share, 6),
        "lines_per_second": round(counts.lines / seconds),
        "megabytes_per_second": round(counts.line_bytes / seconds / 1e6, 1),
        **cost,
    }


def _check_gaps(gaps: Sequence[Gap]) -> dg.AssetCheckResult:
    return _NO_GAPS.result(passed=not gaps, **build_gap_metadata(gaps))


def _name_hours(hours: list[int] | None) -> str:
    if hours is None:
        return "unknown: file names do not show hours"
    return ", ".join(f"{hour:02d}" for hour in hours) or "none"


def _name_files(files: Sequence[tuple[str, int]]) -> dg.TableMetadataValue:
    """Return a table of the first `MAX_FILES_NAMED` files: their path in the capture and their size in bytes."""
    return dg.MetadataValue.table(
        [dg.TableRecord({"file": _shorten_name(name), "bytes": size}) for name, size in files[:MAX_FILES_NAMED]],
        schema=dg.TableSchema([dg.TableColumn("file", "string"), dg.TableColumn("bytes", "int")]),
    )


def _shorten_name(name: str) -> str:
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in name)
    return shown if len(shown) <= _NAME_LENGTH else f"{shown[: _NAME_LENGTH // 2]}…{shown[-_NAME_LENGTH // 2 :]}"


def build_check_results(counts: ReadCounts, missing_hours: list[int] | None) -> list[dg.AssetCheckResult]:
    """Return the results of all checks of a day, from the counts of its events, lines and missing hours.

    Args:
        counts: What was read.
        missing_hours: Hours (0 to 23) without files; None if file names do not show the hour.
    """
    rejected = counts.rejected.total()
    shares = {
        _FEW_REJECTED: (rejected / max(counts.lines, 1), _MAX_REJECTED_SHARE),
        _FEW_REPEATED: (counts.repeated_share, _MAX_REPEATED_SHARE),
        _IN_ORDER: (counts.out_of_order_share, _MAX_OUT_OF_ORDER_SHARE),
        _OF_THE_DAY: (counts.outside_day_share, _MAX_OUTSIDE_SHARE),
    }
    return [
        _ADDS_UP.result(
            passed=counts.lines + counts.extra_values == counts.events + rejected + counts.forgotten.total(),
            lines=counts.lines,
            extra_values=counts.extra_values,
            events=counts.events,
            rejected=rejected,
            forgotten=counts.forgotten.total(),
        ),
        _FILES_READ.result(
            passed=counts.broken_files == 0,
            broken_files=counts.broken_files,
            bytes_not_read=counts.bytes_not_read,
            files=counts.files,
        ),
        _FILES_HAVE_EVENTS.result(
            passed=counts.files_without_events == 0,
            files_without_events=counts.files_without_events,
            bytes_without_events=counts.bytes_without_events,
            first_of_them=_name_files(counts.first_files_without_events),
        ),
        *(check.result(passed=share <= maximum, share=round(share, 6)) for check, (share, maximum) in shares.items()),
        _EVERY_HOUR.result(passed=not missing_hours, hours_without_files=_name_hours(missing_hours)),
    ]
