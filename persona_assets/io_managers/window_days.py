"""Find which days of an input are stored, and name what to run for those that are missing."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import dagster as dg
from dagster._check import CheckError
from upath import UPath

from persona_assets.errors import MissingPartitionError

# Suffixes of a stored day: a table is a file, the other results are folders.
_SUFFIXES = (".parquet", "")


def find_window_paths(context: dg.InputContext, paths: dict[str, UPath]) -> list[UPath]:
    """Return the paths of the stored days of a window, by day; raise if the last day, the partition's own, is missing.

    Missing days are only logged, because captures have gaps. The last day of the window is the partition's own day and
    must be stored.

    Raises:
        MissingPartitionError: The last day is missing. The message names all assets of that day that this and later
            steps of the run need, and the one command that makes them.
    """
    days = sorted(paths)
    missing = [day for day in days if not paths[day].exists()]
    name = context.asset_key.to_user_string()
    if not days:
        raise MissingPartitionError(f"{name} has not been materialized for any day of this partition's window")
    if days[-1] in missing:
        raise MissingPartitionError(_describe_missing(context, days[-1], data=paths[days[-1]].parent.parent))
    if missing:
        context.log.warning("%s: %d of %d days are missing: %s", name, len(missing), len(days), ", ".join(missing))
    return [paths[day] for day in days if day not in missing]


def find_existing_paths(context: dg.InputContext, paths: dict[str, UPath]) -> list[UPath]:
    """Return those of `paths` (by day) that exist, sorted by day; lists the folder once instead of testing each.

    Raises:
        MissingPartitionError: No day is stored.
    """
    folder = next(iter(paths.values())).parent
    names = {path.name for path in folder.iterdir()} if folder.exists() else set[str]()
    existing = [paths[day] for day in sorted(paths) if paths[day].name in names]
    if not existing:
        name = context.asset_key.to_user_string()
        raise MissingPartitionError(
            f"{name} has not been materialized for any day, there is none in {folder}: run "
            f"{_command_that_makes([name], 'DAY')} for each day"
        )
    return existing


def find_table_of_all_days(context: dg.InputContext, path: UPath) -> UPath:
    """Return the path of an input without partitions; raise if it is missing.

    Raises:
        MissingPartitionError: It is missing. The message names all assets that this and later steps of the run need,
            and the one command that makes them.
    """
    if not path.exists():
        step = context.step_context
        day = step.partition_key_range.end if step.has_partition_key_range else None
        raise MissingPartitionError(_describe_missing(context, day, data=path.parent))
    return path


def _command_that_makes(assets: Iterable[str], day: str | None) -> str:
    """Return the command that materializes `assets` for a day; None if none of them has partitions."""
    return f"dg launch --assets {','.join(assets)}" + (f" --partition {day}" if day else "")


def find_missing_assets(
    needed: Iterable[str], inputs_of: Callable[[str], Iterable[str]], exists: Callable[[str], bool]
) -> list[str]:
    """Return the assets to materialize so that all of `needed` exist: missing ones and their missing ancestors.

    Args:
        needed: Names of assets.
        inputs_of: Returns the names of the direct inputs of an asset.
        exists: Returns whether an asset is stored.

    Returns:
        Distinct names in topological order, inputs first.
    """
    missing: dict[str, None] = {}
    for name in needed:
        if name not in missing and not exists(name):
            missing.update(dict.fromkeys(find_missing_assets(inputs_of(name), inputs_of, exists)))
            missing[name] = None
    return list(missing)


def _describe_missing(context: dg.InputContext, day: str | None, *, data: UPath) -> str:
    """Return the error text that names the missing assets of a day and the command for them.

    Args:
        context: Context of the input that is missing.
        day: Partition key; None if the run has no partition.
        data: Folder that has a folder for each asset.
    """
    graph = _read_graph(context)
    selected = {key.to_user_string() for key in context.step_context.job_def.asset_layer.selected_asset_keys}

    def inputs_of(name: str) -> list[str]:
        return graph[name].inputs if name in graph else []

    def is_stored(name: str) -> bool:
        if day is None:
            # A run without a partition reads tables of all days, and every day that there is of the others.
            return (data / f"{name}.parquet").exists() or (data / name).exists()
        return (
            any((data / name / f"{day}{suffix}").exists() for suffix in _SUFFIXES)
            or (data / f"{name}.parquet").exists()
        )

    missing = find_missing_assets(
        [
            *(inputs_of(context.op_def.name) or [context.asset_key.to_user_string()]),
            *(name for later in sorted(selected) for name in inputs_of(later) if name not in selected),
        ],
        inputs_of,
        is_stored,
    )
    has = "has" if len(missing) == 1 else "have"
    if not any(graph[name].is_daily for name in missing if name in graph):
        day = None
    for_day = f" for {day}" if day else ""
    return f"{', '.join(missing)} {has} not been materialized{for_day}: run {_command_that_makes(missing, day)}"


class _Node(NamedTuple):
    """An asset: the names of its direct inputs, and whether it has partitions."""

    inputs: list[str]
    is_daily: bool


def _read_graph(context: dg.InputContext) -> dict[str, _Node]:
    """Return each asset by its name, without inputs that no run makes.

    A run by `dagster.materialize` has no repository. Then only the inputs of selected assets are known.
    """
    try:
        graph = context.step_context.repository_def.asset_graph
        external = graph.external_asset_keys
    except CheckError:
        graph = context.step_context.job_def.asset_layer.asset_graph
        external = set[dg.AssetKey]()
    return {
        key.to_user_string(): _Node(
            sorted(parent.to_user_string() for parent in graph.get(key).parent_keys - external),
            graph.get(key).is_partitioned,
        )
        for key in graph.get_all_asset_keys()
    }
