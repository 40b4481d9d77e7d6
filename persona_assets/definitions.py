"""The graph, in the order in which data flows through it."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

import dagster as dg

from persona_assets.assets.cluster_jsonl.assets import build_cluster_jsonl
from persona_assets.assets.cluster_stats.assets import build_cluster_stats
from persona_assets.assets.clusters.assets import build_clusters
from persona_assets.assets.embeddings.assets import build_embeddings
from persona_assets.assets.embeddings.machine_lock import needs_machine_lock
from persona_assets.assets.english_posts.assets import build_english_posts
from persona_assets.assets.english_users.assets import build_english_users
from persona_assets.assets.lineage.assets import lineage
from persona_assets.assets.persona_labels.assets import build_persona_labels
from persona_assets.assets.persona_phrases.assets import build_persona_phrases
from persona_assets.assets.raw_events.assets import build_raw_events
from persona_assets.assets.user_actions.assets import build_user_actions
from persona_assets.automation.jobs import JOBS
from persona_assets.automation.triggers import build_schedule, build_sensor
from persona_assets.capture.resource import Capture
from persona_assets.command_line.current_command import (
    Launch,
    find_launch,
    is_code_server,
    read_for_command,
    require_days,
)
from persona_assets.command_line.day_ranges import launching
from persona_assets.command_line.failure_summary import end_with_errors
from persona_assets.common.scratch import Scratch
from persona_assets.executors.choose import choose_executor, count_gpus
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.io_managers.persona_files import JsonlIOManager
from persona_assets.io_managers.report_folders import ReportIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.settings import Settings, read_settings


class GraphShape(NamedTuple):
    """What the assets are built from."""

    settings: Settings
    days: dg.DailyPartitionsDefinition
    window: dg.TimeWindowPartitionMapping  # from a day to the days that its personas are made from


# Each step of the graph, in the order in which data flows. A new asset is a package in `assets/` and a line here. A
# graph of one's own gives `build_definitions` another table (docs/extend/).
STEPS: Mapping[str, Callable[[GraphShape], dg.AssetsDefinition]] = {
    "raw_events": lambda shape: build_raw_events(shape.days, either_alone=not is_code_server(sys.argv)),
    "user_actions": lambda shape: build_user_actions(shape.days),
    "english_posts": lambda shape: build_english_posts(shape.days),
    "english_users": lambda shape: build_english_users(shape.days, shape.window),
    "embeddings": lambda shape: build_embeddings(shape.days, scheduled=not needs_machine_lock(shape.settings.executor)),
    "clusters": lambda shape: build_clusters(shape.days, shape.window),
    "cluster_jsonl": lambda shape: build_cluster_jsonl(shape.days, shape.window),
    "persona_phrases": lambda shape: build_persona_phrases(shape.days, shape.window),
    "lineage": lambda _: lineage,
    "persona_labels": lambda _: build_persona_labels(),
    "cluster_stats": lambda shape: build_cluster_stats(shape.days, shape.window),
}


def build_definitions(
    settings: Settings,
    launch: Launch | None = None,
    *,
    steps: Mapping[str, Callable[[GraphShape], dg.AssetsDefinition]] = STEPS,
) -> dg.Definitions:
    """Return the whole graph as `settings` shape it: its days, its window, its storage, its executor.

    Args:
        settings: As `read_settings` returns them.
        launch: The command that runs assets in this process, if one does. The executor then also runs a range of days,
            and the command ends with the errors of what failed.
        steps: The assets. Those of another source, language or method replace the step of their name.
    """
    days = daily_partitions(settings.start_date, settings.end_date)
    scratch = Scratch()
    shape = GraphShape(settings, days, trailing_window(settings.window_days))
    assets = [build(shape) for build in steps.values()]
    executor = choose_executor(settings, count_gpus(assets))
    if launch is not None:
        require_days(launch, assets, days, {job.name: job.selection for job in JOBS})
        executor = launching(executor, days=days, ending=end_with_errors())
    if launch is not None and launch.partition_range:
        # Dagster's commands ask for it. It is not the policy of the UI and the daemon, whose backfills are a run a day.
        assets = [asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run()) for asset in assets]
    return dg.Definitions(
        assets=assets,
        jobs=JOBS,
        schedules=[build_schedule(days, hour=settings.schedule_hour)],
        # It watches the files that `raw_events` reads.
        sensors=[build_sensor(days, watched=settings.sensor_days)] if "raw_events" in steps else [],
        resources={
            "capture": Capture(),
            "scratch": scratch,
            "io_manager": ParquetIOManager(base=settings.data),
            "jsonl_io_manager": JsonlIOManager(base=settings.data, scratch=scratch),
            "report_io_manager": ReportIOManager(base=settings.data, scratch=scratch),
        },
        executor=executor,
    )


def keep_private(settings: Settings) -> None:
    """Have this process, and those that it starts, deny to others what `settings.umask` says of all they write."""
    os.umask(int(settings.umask, 8))


# Here, and not where the graph is built: whatever runs a step loads this module first. Who imports another one, as in a
# notebook, keeps their own.
_launch = find_launch()
_settings = read_for_command(read_settings) if _launch else read_settings()
keep_private(_settings)
defs = build_definitions(_settings, _launch)
