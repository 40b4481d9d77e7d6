"""Limit which names of record collections appear in metadata.

Anyone may publish collections under any name, thousands of them. Metadata is stored in Dagster's database and shown in
the UI, so a name with an account id or a sentence in it must not get there.
"""

import re
from collections import Counter
from collections.abc import Mapping

from persona_assets.common.lexicon import OFFICIAL_COLLECTIONS

OTHER = "other collections"
_MAX_SHOWN = 100

# An unofficial collection is shown if it has this many events and its name is short and made of words. The id in a
# `did:plc:` has 24 characters, more than a word may have.
_MIN_EVENTS, _MAX_NAME_CHARACTERS = 1000, 64
_WORDS = re.compile(r"(?!.*\bdid\b)[A-Za-z0-9-]{1,20}(?:\.[A-Za-z0-9-]{1,20})+")


def merge_rare_collections(counts: Mapping[str, int]) -> dict[str, int]:
    """Return event counts by collection in which rare unofficial collections are summed as "other collections".

    Args:
        counts: Number of events by "collection operation". Events that are no commits have a key without a space.

    Returns:
        At most 103 keys. The sum of the counts stays the same.
    """
    shown: Counter[str] = Counter()
    for kind, count in counts.items():
        name, _, operation = kind.rpartition(" ")
        shown[kind if not name or _may_be_shown(name, count) else f"{OTHER} {operation}"] += count
    order = sorted(shown.items(), key=lambda item: (not item[0].startswith(OTHER), -item[1], item[0]))
    kept, rest = dict(order[:_MAX_SHOWN]), order[_MAX_SHOWN:]
    for kind, count in rest:
        other_key = f"{OTHER} {kind.rpartition(' ')[2]}"
        kept[other_key] = kept.get(other_key, 0) + count
    return kept


def _may_be_shown(name: str, count: int) -> bool:
    if name in OFFICIAL_COLLECTIONS:
        return True
    return count >= _MIN_EVENTS and len(name) <= _MAX_NAME_CHARACTERS and _WORDS.fullmatch(name) is not None
