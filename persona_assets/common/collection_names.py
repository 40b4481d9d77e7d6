"""Show collections in metadata: anyone may publish some, under any name, by the thousand.

What is shown lands in Dagster's database and before the eyes of those who run the graph, so that a name must not carry
an id or a sentence there.
"""

import re
from collections import Counter
from collections.abc import Mapping

from persona_assets.common.lexicon import OFFICIAL_COLLECTIONS

OTHER = "other collections"
_MOST_SHOWN = 100

# The name of another collection is shown when it is frequent and its segments are words. The id in a `did:plc:` has 24
# characters: too many for a word.
_IN_USE, _CHARACTERS = 1000, 64
_WORDS = re.compile(r"(?!.*\bdid\b)[A-Za-z0-9-]{1,20}(?:\.[A-Za-z0-9-]{1,20})+")


def shorten_kinds(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts of events in which other people's collections are counted together, unless they are frequent.

    Args:
        counts: By "collection operation" or, for what is no commit, by a name without a space.

    Returns:
        At most 103 keys, whose counts add up to those given.
    """
    shown: Counter[str] = Counter()
    for kind, count in counts.items():
        name, _, operation = kind.rpartition(" ")
        shown[kind if not name or _may_be_shown(name, count) else f"{OTHER} {operation}"] += count
    order = sorted(shown.items(), key=lambda item: (not item[0].startswith(OTHER), -item[1], item[0]))
    kept, rest = dict(order[:_MOST_SHOWN]), order[_MOST_SHOWN:]
    for kind, count in rest:
        place = f"{OTHER} {kind.rpartition(' ')[2]}"
        kept[place] = kept.get(place, 0) + count
    return kept


def _may_be_shown(name: str, count: int) -> bool:
    if name in OFFICIAL_COLLECTIONS:
        return True
    return count >= _IN_USE and len(name) <= _CHARACTERS and _WORDS.fullmatch(name) is not None
