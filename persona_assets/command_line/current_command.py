"""The command that runs assets in this process, such as `dg launch`, and whether the days that it names exist."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import click
import dagster as dg

from persona_assets.errors import SettingsError
from persona_assets.settings import Settings

RANGE_SEPARATOR = "..."


class Launch(NamedTuple):
    """The options of a command that runs assets or a job in this process."""

    selection: str | None  # of assets; None where a job is named
    partition: str | None
    partition_range: str | None
    job: str | None = None


def find_launch() -> Launch | None:
    """Return the command that is loading the definitions, if it is one that then runs them in this process.

    A code server, as of the UI and of the daemon, and a process that runs a step have none.
    """
    context = click.get_current_context(silent=True)
    if context is None or "partition_range" not in context.params:
        return None
    options = context.params
    return Launch(
        options.get("assets") or options.get("select"),
        options.get("partition"),
        options["partition_range"],
        options.get("job"),
    )


def is_code_server(command: Sequence[str]) -> bool:
    """Return whether a process that was started by `command` (`sys.argv`) tells the UI and the daemon of the graph.

    By click it cannot be known: such a server loads definitions in a thread of its own.
    """
    return list(command[1:3]) in (["api", "grpc"], ["code-server", "start"])


def read_for_command(read_settings: Callable[[], Settings]) -> Settings:
    """Return the settings, for a command: one that is wrong is said without Dagster's traceback.

    Raises:
        click.UsageError: A setting is wrong.
    """
    try:
        return read_settings()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error


def require_days(
    launch: Launch,
    assets: Sequence[dg.AssetsDefinition],
    days: dg.DailyPartitionsDefinition,
    jobs: Mapping[str, dg.AssetSelection],
) -> None:
    """Refuse a command that names no day where its assets need one, one where none does, or one that is not there.

    Dagster refuses most of it too, at the end of a traceback and without a remedy. Assets over all days it would make
    for a range as if they were of a day.

    Args:
        launch: The command.
        assets: All of the graph.
        days: The days of those that are made a day at a time.
        jobs: The assets of each job, by its name.

    Raises:
        click.UsageError: Says which days there are, and how to name them, or that none is to be named.
    """
    named = list(_days_named(launch))
    known = days.get_partition_keys()
    if not known:
        return  # a graph that starts in the future: whatever is named, Dagster says so
    if unknown := [day for day in named if day not in known]:
        raise click.UsageError(
            f"{', '.join(unknown)}: no day of the graph, whose days are {known[0]} to {known[-1]} (YYYY-MM-DD). "
            "PERSONA_START_DATE and PERSONA_END_DATE set them"
        )
    if named != sorted(named):
        raise click.UsageError(f"--partition-range {launch.partition_range}: the first day is later than the last one")
    selected = _selected_by(launch, jobs).resolve(assets)
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


def _days_named(launch: Launch) -> Iterable[str]:
    if launch.partition:
        yield launch.partition
    elif launch.partition_range:
        first, separator, last = launch.partition_range.partition(RANGE_SEPARATOR)
        if not separator:
            raise click.UsageError(f"--partition-range {launch.partition_range}: write FIRST{RANGE_SEPARATOR}LAST")
        yield from (first, last)


def _selected_by(launch: Launch, jobs: Mapping[str, dg.AssetSelection]) -> dg.AssetSelection:
    if launch.selection is not None:
        return dg.AssetSelection.from_coercible(launch.selection.split(","))
    return jobs.get(launch.job or "", dg.AssetSelection.assets())


def _keep_partitioned(selected: AbstractSet[dg.AssetKey], assets: Sequence[dg.AssetsDefinition]) -> list[str]:
    by_key = {key: asset for asset in assets for key in asset.keys}
    return sorted(key.to_user_string() for key in selected if by_key[key].partitions_def is not None)
