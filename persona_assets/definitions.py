"""The Dagster definitions: assets, jobs, schedule, sensor, resources and executor."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import NamedTuple

import dagster as dg

from persona_assets.assets.agent_profiles.assets import build_agent_profiles
from persona_assets.assets.captured_events.assets import build_captured_events
from persona_assets.assets.cluster_jsonl.assets import build_cluster_jsonl
from persona_assets.assets.cluster_stats.assets import build_cluster_stats
from persona_assets.assets.clusters.assets import build_clusters
from persona_assets.assets.consent_records.assets import build_consent_records
from persona_assets.assets.consents.assets import build_consents
from persona_assets.assets.dataset.assets import build_dataset
from persona_assets.assets.embeddings.assets import build_embeddings
from persona_assets.assets.embeddings.machine_lock import needs_machine_lock
from persona_assets.assets.english_posts.assets import build_english_posts
from persona_assets.assets.english_users.assets import build_english_users
from persona_assets.assets.lineage.assets import lineage
from persona_assets.assets.persona_labels.assets import build_persona_labels
from persona_assets.assets.persona_phrases.assets import build_persona_phrases
from persona_assets.assets.raw_events.assets import build_raw_events
from persona_assets.assets.user_actions.assets import build_user_actions
from persona_assets.assets.user_assignments.assets import build_user_assignments
from persona_assets.automation.jobs import JOBS
from persona_assets.automation.triggers import build_daily_schedule, build_new_files_sensor
from persona_assets.capture.resource import Capture
from persona_assets.command_line.current_command import (
    LaunchOptions,
    find_launch_options,
    is_code_server,
    read_settings_for_command,
    validate_days,
)
from persona_assets.command_line.day_ranges import as_launch_executor
from persona_assets.command_line.failure_summary import print_failures_at_exit
from persona_assets.common.scratch import Scratch
from persona_assets.executors.choose import choose_executor, count_gpus_by_step
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.io_managers.persona_files import JsonlIOManager
from persona_assets.io_managers.release_folders import ReleaseIOManager
from persona_assets.io_managers.report_folders import ReportIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.settings import Settings, read_settings


class GraphShape(NamedTuple):
    """Arguments of the functions that build assets: settings, daily partitions, window, and if consents are used."""

    settings: Settings
    days: dg.DailyPartitionsDefinition
    window: dg.TimeWindowPartitionMapping  # maps a day to the days that its personas are made from
    consents: bool  # whether the graph has the asset `consents`, which says whose data is left out


# Builders of the assets by name, in the order in which data flows. A new asset is a package in `assets/` and a line
# here. Users' own graphs pass another mapping to `build_definitions` (docs/extend/).
STEPS: Mapping[str, Callable[[GraphShape], dg.AssetsDefinition]] = {
    "captured_events": lambda shape: build_captured_events(shape.days, shape.settings),
    "raw_events": lambda shape: build_raw_events(shape.days, either_alone=not is_code_server(sys.argv)),
    "consent_records": lambda shape: build_consent_records(shape.days),
    "consents": lambda _: build_consents(),
    "user_actions": lambda shape: build_user_actions(shape.days),
    "english_posts": lambda shape: build_english_posts(shape.days),
    "english_users": lambda shape: build_english_users(shape.days, shape.window, consents=shape.consents),
    "embeddings": lambda shape: build_embeddings(
        shape.days, scheduled=not needs_machine_lock(shape.settings.executor), consents=shape.consents
    ),
    "clusters": lambda shape: build_clusters(shape.days, shape.window, consents=shape.consents),
    "user_assignments": lambda shape: build_user_assignments(shape.days, shape.window, consents=shape.consents),
    "cluster_jsonl": lambda shape: build_cluster_jsonl(shape.days, shape.window, consents=shape.consents),
    "persona_phrases": lambda shape: build_persona_phrases(shape.days, shape.window, consents=shape.consents),
    "lineage": lambda _: lineage,
    "persona_labels": lambda _: build_persona_labels(),
    "cluster_stats": lambda shape: build_cluster_stats(shape.days, shape.window, consents=shape.consents),
    "dataset": lambda shape: build_dataset(shape.days, shape.window, consents=shape.consents),
    "agent_profiles": lambda shape: build_agent_profiles(shape.days, shape.window, consents=shape.consents),
}


def build_definitions(
    settings: Settings,
    launch: LaunchOptions | None = None,
    *,
    steps: Mapping[str, Callable[[GraphShape], dg.AssetsDefinition]] = STEPS,
) -> dg.Definitions:
    """Return the `Definitions` for `settings`, which determine days, window, storage and executor.

    Args:
        settings: Settings, as `read_settings` returns them.
        launch: Options of the command that runs assets in this process, or None. With a command, the executor can run
            a range of days, and errors of failed steps are printed at exit.
        steps: Builders of the assets by name. To use another source, language or method, replace an entry of `STEPS`.
    """
    days = daily_partitions(settings.start_date, settings.end_date, include_today=settings.include_today)
    scratch = Scratch()
    shape = GraphShape(settings, days, trailing_window(settings.window_days), consents="consents" in steps)
    assets = [build(shape) for build in steps.values()]
    executor = choose_executor(settings, count_gpus_by_step(assets))
    if launch is not None:
        validate_days(launch, assets, days, {job.name: job.selection for job in JOBS})
        executor = as_launch_executor(executor, days=days, failures=print_failures_at_exit())
    if launch is not None and launch.partition_range:
        # Dagster's commands require this policy for a range. Backfills of the UI and the daemon use one run per day.
        assets = [
            asset.with_attributes(backfill_policy=dg.BackfillPolicy.single_run()) if asset.is_executable else asset
            for asset in assets
        ]
    return dg.Definitions(
        assets=assets,
        jobs=JOBS,
        schedules=[build_daily_schedule(days, hour_utc=settings.schedule_hour)],
        # The sensor watches the files that `raw_events` reads.
        sensors=[build_new_files_sensor(days, watched_days=settings.sensor_days)] if "raw_events" in steps else [],
        resources={
            "capture": Capture(),
            "scratch": scratch,
            "io_manager": ParquetIOManager(base=settings.data),
            "jsonl_io_manager": JsonlIOManager(base=settings.data, scratch=scratch),
            "report_io_manager": ReportIOManager(base=settings.data, scratch=scratch),
            "release_io_manager": ReleaseIOManager(base=settings.data, scratch=scratch),
        },
        executor=executor,
    )


def apply_umask(settings: Settings) -> None:
    """Set the umask of this process and its child processes to `settings.umask`, which keeps results private."""
    os.umask(int(settings.umask, 8))


# The umask is set here, because every process that runs a step imports this module. A notebook that imports only other
# modules keeps its own umask.
_launch = find_launch_options()
_settings = read_settings_for_command(read_settings) if _launch else read_settings()
apply_umask(_settings)
defs = build_definitions(_settings, _launch)
