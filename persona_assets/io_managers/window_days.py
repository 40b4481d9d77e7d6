"""Which days of a window are there."""

from collections.abc import Callable, Iterable

import dagster as dg
from dagster._check import CheckError
from upath import UPath

from persona_assets.errors import MissingPartitionError

# What stored days are called, a table and a folder.
_SUFFIXES = (".parquet", "")


def days_present(context: dg.InputContext, paths: dict[str, UPath]) -> list[UPath]:
    """Return the paths of the days that have been materialized, in the order of the days.

    A hole in the window is said in the log and passed by: captures have gaps. The window's last day is the
    partition's own and must be there.

    Raises:
        MissingPartitionError: The last day is not there. Names all that the run lacks on that day, for this step and
            for those after it, and the one command that makes it.
    """
    days = sorted(paths)
    missing = [day for day in days if not paths[day].exists()]
    name = context.asset_key.to_user_string()
    if not days:
        raise MissingPartitionError(f"{name} has not been materialized for any day of this partition's window")
    if days[-1] in missing:
        raise MissingPartitionError(_say_missing(context, days[-1], data=paths[days[-1]].parent.parent))
    if missing:
        context.log.warning("%s: %d of %d days are missing: %s", name, len(missing), len(days), ", ".join(missing))
    return [paths[day] for day in days if day not in missing]


def days_made(context: dg.InputContext, paths: dict[str, UPath]) -> list[UPath]:
    """Return the paths of whatever days have been materialized, in their order, by a look at the folder.

    Raises:
        MissingPartitionError: None has.
    """
    folder = next(iter(paths.values())).parent
    there = {path.name for path in folder.iterdir()} if folder.exists() else set[str]()
    made = [paths[day] for day in sorted(paths) if paths[day].name in there]
    if not made:
        name = context.asset_key.to_user_string()
        raise MissingPartitionError(
            f"{name} has not been materialized for any day, there is none in {folder}: run "
            f"{_command_that_makes([name], 'DAY')} for each day"
        )
    return made


def _command_that_makes(assets: Iterable[str], day: str) -> str:
    """Return what to type for some assets of a day to be made."""
    return f"dg launch --assets {','.join(assets)} --partition {day}"


def find_missing(
    needed: Iterable[str], inputs_of: Callable[[str], Iterable[str]], is_there: Callable[[str], bool]
) -> list[str]:
    """Return what has to be made for some assets to be there: those that are not, and what these need in turn.

    Args:
        needed: Names of assets.
        inputs_of: Returns the names of the assets that one is made from.
        is_there: Says whether one has been made.

    Returns:
        Names, each once and after those that it is made from.
    """
    missing: dict[str, None] = {}
    for name in needed:
        if name not in missing and not is_there(name):
            missing.update(dict.fromkeys(find_missing(inputs_of(name), inputs_of, is_there)))
            missing[name] = None
    return list(missing)


def _say_missing(context: dg.InputContext, day: str, *, data: UPath) -> str:
    """Say what the run of `context` lacks on a day, and how to make it; assets lie below `data`."""
    inputs_of = _read_graph(context)
    selected = {key.to_user_string() for key in context.step_context.job_def.asset_layer.selected_asset_keys}
    missing = find_missing(
        [
            *inputs_of.get(context.op_def.name, [context.asset_key.to_user_string()]),
            *(name for later in sorted(selected) for name in inputs_of.get(later, []) if name not in selected),
        ],
        lambda name: inputs_of.get(name, []),
        lambda name: any((data / name / f"{day}{suffix}").exists() for suffix in _SUFFIXES),
    )
    has = "has" if len(missing) == 1 else "have"
    return f"{', '.join(missing)} {has} not been materialized for {day}: run {_command_that_makes(missing, day)}"


def _read_graph(context: dg.InputContext) -> dict[str, list[str]]:
    """Return the inputs of each asset by name.

    In a run by `dagster.materialize` there is no repository, and only the inputs of selected assets are known.
    """
    try:
        graph = context.step_context.repository_def.asset_graph
    except CheckError:
        graph = context.step_context.job_def.asset_layer.asset_graph
    return {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
