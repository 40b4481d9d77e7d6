"""Decide which day is due: pure, on what was listed, seen and parsed."""

from collections.abc import Mapping
from typing import NamedTuple

Digests = Mapping[str, str]  # by day (2025-03-01): what tells the files of a day from others


class Due(NamedTuple):
    """A day to be processed, or none; and why."""

    day: str | None
    why: str


def choose_due_day(listed: Digests, *, seen: Digests, parsed: Digests, failed: Digests) -> Due:
    """Return the earliest day whose files have come to rest and are not those that it was parsed from.

    One at a time, the earliest first: a day's window needs the days before it. A day whose run has failed does not hold
    up those after it: it is named, and due again when its files are others than those that it failed with.

    Args:
        listed: The files that days have now; days without any are left out.
        seen: Those that they had at the look before this one: a day that still grows is left alone.
        parsed: Those that days were last parsed from.
        failed: Those that days had when their last run was asked for, if that run has failed or was cancelled.
    """
    changed = [day for day in sorted(listed) if listed[day] not in (parsed.get(day), failed.get(day))]
    at_rest = [day for day in changed if listed[day] == seen.get(day)]
    if at_rest:
        day = at_rest[0]
        why = "its files have changed since it was parsed" if day in parsed else "it is new"
        return Due(day, why + _name(sorted((listed.keys() & failed) - {day})))
    named = _name(sorted(listed.keys() & failed))
    if changed:
        return Due(None, f"{', '.join(changed)}: looked at again next time, in case files are still coming{named}")
    if named:
        return Due(None, f"{len(listed)} days have files, none of them is due{named}")
    return Due(None, f"{len(listed)} days have files, all of them parsed")


def _name(failed: list[str]) -> str:
    if not failed:
        return ""
    return f"; the last run failed: {', '.join(failed)} (mend what the run says, then re-execute it)"
