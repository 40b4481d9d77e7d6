"""The assets `raw_events` and `rejected_lines`, made in one step: one pass over the raw bytes."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg

from persona_assets.metadata import count_table, measured
from persona_assets.partitions import DAY_FORMAT
from persona_assets.progress import Progress
from persona_assets.raw_events.capture import Capture
from persona_assets.raw_events.files import find_missing_hours
from persona_assets.raw_events.parse import parse_files
from persona_assets.raw_events.read import Counts
from persona_assets.scratch import Scratch

_FILES_READ = "every_file_was_read_to_its_end"
_KEYS_SHOWN = 100


def build_raw_events(days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """Return both assets, which read the capture's files of a day."""

    @dg.multi_asset(
        group_name="raw_events",
        partitions_def=days,
        outs={
            "raw_events": dg.AssetOut(
                kinds={"python", "parquet"},
                owners=["team:persona_assets"],
                description="A commit, identity, account or sync event a row, as captured; duplicates are kept.",
            ),
            "rejected_lines": dg.AssetOut(
                kinds={"python", "parquet"},
                owners=["team:persona_assets"],
                description="A line that is no event a row: where it is, why it was refused, its bytes.",
            ),
        },
        check_specs=[dg.AssetCheckSpec(_FILES_READ, asset="raw_events")],
    )
    def raw_events(context: dg.AssetExecutionContext, capture: Capture, scratch: Scratch):
        """Every line of the day's files, as an event or as a rejected line."""
        day = dt.datetime.strptime(context.partition_key, DAY_FORMAT).replace(tzinfo=dt.UTC).date()
        with measured() as cost:
            files = capture.find_day(day)
            progress = Progress(context.log.info, what="lines")
            parsed = parse_files(
                files, day=day, workers=capture.count_workers(), scratch=scratch.new_folder(), report=progress.add
            )
        counts = parsed.counts
        context.log.info("%d lines of %d files: %d events", counts.lines, counts.files, counts.events)
        yield dg.MaterializeResult(
            asset_key="raw_events",
            value=parsed.raw_events,
            metadata=_describe(counts, cost) | {"hours_without_files": _name_hours(find_missing_hours(files, day))},
            check_results=[_check_files(counts)],
        )
        yield dg.MaterializeResult(
            asset_key="rejected_lines",
            value=parsed.rejected_lines,
            metadata={"rejected": count_table(counts.rejected, of="reason"), "lines": counts.lines},
        )

    return raw_events


def _describe(counts: Counts, cost: Mapping[str, float]) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for (kind, collection, operation), count in counts.kinds.items():
        kinds[f"{collection} {operation}" if kind == "commit" else kind] += count
    seconds = max(cost["seconds"], 1e-3)
    return {
        "files": counts.files,
        "bytes": counts.bytes,
        "lines": counts.lines,
        "dropped": count_table(counts.rejected, of="reason"),
        "events": count_table(_shorten(kinds), of="kind"),
        "outside_day": counts.outside_day,
        "out_of_order_share": round(counts.out_of_order / max(counts.events, 1), 6),
        "repeated_share": round(counts.repeated / max(counts.events, 1), 6),
        "lines_per_second": round(counts.lines / seconds),
        "megabytes_per_second": round(counts.line_bytes / seconds / 1e6, 1),
        **cost,
    }


def _shorten(counts: Counter[str]) -> dict[str, int]:
    """Keep the most frequent keys: anyone may publish collections, by the thousand."""
    kept = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_KEYS_SHOWN])
    rest = counts.total() - sum(kept.values())
    return kept | ({"all others": rest} if rest else {})


def _name_hours(hours: list[int] | None) -> str:
    if hours is None:
        return "unknown: names tell no hours"
    return ", ".join(f"{hour:02d}" for hour in hours) or "none"


def _check_files(counts: Counts) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=_FILES_READ,
        passed=counts.broken_files == 0,
        metadata={"broken_files": counts.broken_files, "files": counts.files},
        description="Files that broke off are in rejected_lines, with the reason; mend them and materialize again.",
    )
