"""Find the options of the command that this process runs, such as `dg launch`, and validate the days in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import click
import dagster as dg

from persona_assets.errors import SettingsError
from persona_assets.settings import Settings

RANGE_SEPARATOR = "..."


class LaunchOptions(NamedTuple):
    """The options of a command such as `dg launch` that say what is run: asset selection, days and job."""

    selection: str | None  # asset selection; None if the command names a job
    partition: str | None
    partition_range: str | None
    job: str | None = None


def find_launch_options() -> LaunchOptions | None:
    """Return the options of the current command, or None if it does not run assets in this process.

    It is None in a code server of the UI or the daemon, and in a process that runs one step.
    """
    context = click.get_current_context(silent=True)
    if context is None or "partition_range" not in context.params:
        return None
    options = context.params
    return LaunchOptions(
        options.get("assets") or options.get("select"),
        options.get("partition"),
        options["partition_range"],
        options.get("job"),
    )


def is_code_server(command: Sequence[str]) -> bool:
    """Return whether `command` (`sys.argv`) starts a code server, which serves definitions to the UI and the daemon.

    The click context does not show it, because a code server loads definitions in another thread.
    """
    return list(command[1:3]) in (["api", "grpc"], ["code-server", "start"])


def read_settings_for_command(read_settings: Callable[[], Settings]) -> Settings:
    """Return the settings; a `SettingsError` is raised as `click.UsageError`, printed without a traceback.

    Raises:
        click.UsageError: A setting is invalid.
    """
    try:
        return read_settings()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def validate_days(
    launch: LaunchOptions,
    assets: Sequence[dg.AssetsDefinition],
    days: dg.DailyPartitionsDefinition,
    jobs: Mapping[str, dg.AssetSelection],
) -> None:
    """Raise `click.UsageError` if `--partition` names no day of the graph, or is missing or superfluous.

    A day must exist. It is required if a selected asset has partitions, and forbidden if none has. Dagster refuses most
    of these commands too, but with a traceback and without a remedy. For a range it would run assets without partitions
    as if they had some.

    Args:
        launch: Options of the command.
        assets: All assets of the graph.
        days: Partitions of the assets that have some.
        jobs: Asset selection of each job, by its name.

    Raises:
        click.UsageError: The message says which days exist and which option to add or to leave out.
    """
    named = list(_list_named_days(launch))
    known = days.get_partition_keys()
    if not known:
        return  # the graph starts in the future: Dagster refuses any day
    if unknown := [day for day in named if day not in known]:
        raise click.UsageError(
            f"{', '.join(unknown)}: no day of the graph, whose days are {known[0]} to {known[-1]} (YYYY-MM-DD). "
            "PERSONA_START_DATE and PERSONA_END_DATE set them"
        )
    if named != sorted(named):
        raise click.UsageError(f"--partition-range {launch.partition_range}: the first day is later than the last one")
    selected = _find_selection(launch, jobs).resolve(assets)
    partitioned = _keep_partitioned(selected, assets)
    if partitioned and not named:
        raise click.UsageError(
            f"{', '.join(partitioned)}: made a day at a time. Add --partition {known[-1]}, or for several days "
            f"--partition-range {known[0]}{RANGE_SEPARATOR}{known[-1]}"
        )
    if named and selected and not partitioned:
        option = "--partition" if launch.partition else "--partition-range"
        raise click.UsageError(
            f"{', '.join(sorted(key.to_user_string() for key in selected))}: made once over all days, not a day at a "
            f"time. Leave {option} out"
        )


def _list_named_days(launch: LaunchOptions) -> Iterable[str]:
    if launch.partition:
        yield launch.partition
    elif launch.partition_range:
        first, separator, last = launch.partition_range.partition(RANGE_SEPARATOR)
        if not separator:
            raise click.UsageError(f"--partition-range {launch.partition_range}: write FIRST{RANGE_SEPARATOR}LAST")
        yield from (first, last)


def _find_selection(launch: LaunchOptions, jobs: Mapping[str, dg.AssetSelection]) -> dg.AssetSelection:
    if launch.selection is not None:
        return dg.AssetSelection.from_coercible(launch.selection.split(","))
    return jobs.get(launch.job or "", dg.AssetSelection.assets())


def _keep_partitioned(selected: AbstractSet[dg.AssetKey], assets: Sequence[dg.AssetsDefinition]) -> list[str]:
    by_key = {key: asset for asset in assets for key in asset.keys}
    return sorted(key.to_user_string() for key in selected if by_key[key].partitions_def is not None)
