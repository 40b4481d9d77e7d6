"""Read the records in which accounts say what their data may be used for. Any content of a record is possible."""

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from persona_assets.common.lexicon import AI_PREFERENCE, USER_INTENTS
from persona_assets.consent.purposes import Purpose

Scope = Literal["global", "entity", "collection", "unknown"]

# Fields of `preferences` in a record of `community.lexicon.preference.ai`.
AI_PURPOSES: Mapping[str, Purpose] = {
    "training": "training",
    "inference": "inference",
    "syntheticContent": "synthetic_content",
    "embedding": "embedding",
}
# Fields of a record of `org.user-intents.declaration`. A draft of the proposal wrote them with the prefix of the
# namespace. The fourth intent, protocolBridging, concerns no output of ours.
INTENT_PURPOSES: Mapping[str, Purpose] = {
    "syntheticContentGeneration": "synthetic_content",
    "bulkDataset": "bulk_dataset",
    "publicAccessArchive": "archive",
}
_INTENT_PREFIX = f"{USER_INTENTS.rpartition('.')[0]}."
# Name of the scope by the end of its `$type`, and the field that has its value.
_SCOPES: Mapping[str, tuple[Scope, str | None]] = {
    f"{AI_PREFERENCE}#globalScope": ("global", None),
    f"{AI_PREFERENCE}#entityScope": ("entity", "entity"),
    f"{AI_PREFERENCE}#collectionScope": ("collection", "collection"),
}
# A DID has at most 2,048 characters, and a domain and the name of a collection fewer.
MAX_SCOPE_VALUE_CHARACTERS = 2048
_MAX_TIME_CHARACTERS = 64
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

# Problems of a record, by which they are counted.
NOT_READABLE = "the record is no declaration: too long, or no JSON object"
WRONG_ALLOW = "allow is neither true nor false: counts as not said"
WRONG_TIME = "updatedAt is no time, or later than the event: the time of the event counts"
UNKNOWN_SCOPE = "the scope is unknown: refusals count for everything, allowances not at all"


class Preference(NamedTuple):
    """An account's statement on one purpose: allow or refuse, and since when (microseconds since 1970)."""

    purpose: Purpose
    allow: bool
    updated_at_us: int | None  # the author's own time, if that is one, and not later than the event


class Declaration(NamedTuple):
    """Content of a consent record: to what it applies, and its preference for each purpose."""

    scope: Scope
    scope_value: str | None  # the entity or the collection
    preferences: list[Preference]  # at most one for each purpose


def parse_declaration(
    collection: str, text: str | None, *, event_time_us: int, problems: Counter[str]
) -> Declaration | None:
    """Parse a consent record; return None if it is not valid, and count its problems in `problems`.

    Args:
        collection: One of `lexicon.CONSENT_COLLECTIONS`.
        text: The record as JSON; None if the capture has none.
        event_time_us: When the relay saw the record. A later `updatedAt` is not believed.
        problems: Counts of problems, by the constants of this module.
    """
    record = _parse_object(text)
    if record is None:
        problems[NOT_READABLE] += 1
        return None
    if collection == USER_INTENTS:
        said = {key.removeprefix(_INTENT_PREFIX): value for key, value in record.items()}
        return Declaration("global", None, _read_preferences(said, INTENT_PURPOSES, record, event_time_us, problems))
    scope, value = _read_scope(record.get("scope"))
    if scope == "unknown":
        problems[UNKNOWN_SCOPE] += 1
    preferences = record.get("preferences")
    said = preferences if isinstance(preferences, dict) else {}
    return Declaration(scope, value, _read_preferences(said, AI_PURPOSES, record, event_time_us, problems))


def _parse_object(text: str | None) -> dict[str, Any] | None:
    try:
        record = json.loads(text or "")
    except (ValueError, RecursionError):  # no JSON, a number of too many digits, or too deep
        return None
    return record if isinstance(record, dict) else None


def _read_scope(scope: Any) -> tuple[Scope, str | None]:
    if not isinstance(scope, dict) or not isinstance(scope.get("$type"), str):
        return ("global", None) if scope is None else ("unknown", None)
    name, field = _SCOPES.get(scope["$type"], ("unknown", None))
    if field is None:
        return name, None
    value = scope.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SCOPE_VALUE_CHARACTERS or not value.isprintable():
        return "unknown", None
    return name, value


def _read_preferences(
    said: Mapping[str, Any],
    purposes: Mapping[str, Purpose],
    record: Mapping[str, Any],
    event_time_us: int,
    problems: Counter[str],
) -> list[Preference]:
    found: list[Preference] = []
    for field, purpose in purposes.items():
        preference = said.get(field)
        if preference is None:
            continue
        allow = preference.get("allow") if isinstance(preference, dict) else None
        if not isinstance(allow, bool):
            # The proposal says that an intent without `allow` is undefined, which is no problem.
            if allow is not None or not isinstance(preference, dict):
                problems[WRONG_ALLOW] += 1
            continue
        written = preference.get("updatedAt", record.get("updatedAt"))
        time_us = _parse_time_us(written)
        if written is not None and (time_us is None or time_us > event_time_us):
            problems[WRONG_TIME] += 1
            time_us = None
        found.append(Preference(purpose, allow, time_us))
    return found


def _parse_time_us(written: Any) -> int | None:
    """Return microseconds of the Unix epoch; None if it is no instant with a time zone, or before 1970."""
    if not isinstance(written, str) or len(written) > _MAX_TIME_CHARACTERS:
        return None
    try:
        since = dt.datetime.fromisoformat(written) - _EPOCH
    except (ValueError, TypeError, OverflowError):  # no date, no time zone, out of range
        return None
    return since // dt.timedelta(microseconds=1) if since >= dt.timedelta() else None
