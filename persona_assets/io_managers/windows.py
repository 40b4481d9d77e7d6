"""Which days of a window are there."""

import dagster as dg
from upath import UPath

from persona_assets.errors import MissingPartitionError


def days_present(context: dg.InputContext, paths: dict[str, UPath]) -> list[UPath]:
    """Return the paths of the days that have been materialized, in the order of the days.

    A hole in the window is said in the log and passed by: captures have gaps. The window's last day is the
    partition's own and must be there.

    Raises:
        MissingPartitionError: The last day is not there; names the asset, the day and the command that makes it.
    """
    days = sorted(paths)
    missing = [day for day in days if not paths[day].exists()]
    name = context.asset_key.to_user_string()
    if not days or days[-1] in missing:
        day = days[-1] if days else "this partition"
        raise MissingPartitionError(
            f"{name} has not been materialized for {day}: run dagster asset materialize "
            f"-m persona_assets.definitions --select {name} --partition {day}"
        )
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
        raise MissingPartitionError(f"{name} has not been materialized for any day: there is none in {folder}")
    return made
