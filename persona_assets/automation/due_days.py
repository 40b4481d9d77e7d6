"""Decide which day the sensor processes next. Pure: compares digests of the files of each day."""

from collections.abc import Mapping
from typing import NamedTuple

FileDigests = Mapping[str, str]  # by day (2025-03-01): a digest that changes when the day's files change


class DayDecision(NamedTuple):
    """The day to process next and the reason in words; `day` is None if no day is due."""

    day: str | None
    reason: str


def choose_due_day(listed: FileDigests, *, seen: FileDigests, parsed: FileDigests, failed: FileDigests) -> DayDecision:
    """Return the earliest day whose file digest has stopped changing and is not the one already parsed.

    Days are processed one at a time, the earliest first, because the window of a day needs the days before it. A day
    whose run failed does not block later days. It is named in the reason, and is due again when its files change.

    Args:
        listed: Current digests; days without files are left out.
        seen: Digests at the previous evaluation. A day is stable if its digest has not changed since.
        parsed: Digests of the files that each day was last parsed from.
        failed: Digests when the last run of a day was requested, for days whose last run failed or was cancelled.
    """
    changed = [day for day in sorted(listed) if listed[day] not in (parsed.get(day), failed.get(day))]
    stable = [day for day in changed if listed[day] == seen.get(day)]
    if stable:
        day = stable[0]
        reason = "its files have changed since it was parsed" if day in parsed else "it is new"
        return DayDecision(day, reason + _describe_failed(sorted((listed.keys() & failed) - {day})))
    failures = _describe_failed(sorted(listed.keys() & failed))
    if changed:
        waiting = f"{', '.join(changed)}: looked at again next time, in case files are still coming"
        return DayDecision(None, waiting + failures)
    if failures:
        return DayDecision(None, f"{len(listed)} days have files, none of them is due{failures}")
    return DayDecision(None, f"{len(listed)} days have files, all of them parsed")


def _describe_failed(failed: list[str]) -> str:
    if not failed:
        return ""
    return f"; the last run failed: {', '.join(failed)} (fix the error that the run shows, then re-execute it)"
