"""Show collections in metadata: anyone may publish some, under any name, by the thousand.

What is shown lands in Dagster's database and before the eyes of those who run the graph, so that a name must not carry
an id or a sentence there.
"""

import re
from collections import Counter
from collections.abc import Mapping

OTHER = "other collections"
_MOST_SHOWN = 100

# Bluesky's own (https://github.com/bluesky-social/atproto/tree/main/lexicons).
_KNOWN = frozenset(
    {
        "app.bsky.actor.profile",
        "app.bsky.actor.status",
        "app.bsky.feed.generator",
        "app.bsky.feed.like",
        "app.bsky.feed.post",
        "app.bsky.feed.postgate",
        "app.bsky.feed.repost",
        "app.bsky.feed.threadgate",
        "app.bsky.graph.block",
        "app.bsky.graph.follow",
        "app.bsky.graph.list",
        "app.bsky.graph.listblock",
        "app.bsky.graph.listitem",
        "app.bsky.graph.starterpack",
        "app.bsky.graph.verification",
        "app.bsky.labeler.service",
        "app.bsky.notification.declaration",
        "chat.bsky.actor.declaration",
        "com.atproto.lexicon.schema",
    }
)
# Another's is shown when it is in use, and its segments are words: an id of `did:plc:` has 24 characters.
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
    if name in _KNOWN:
        return True
    return count >= _IN_USE and len(name) <= _CHARACTERS and _WORDS.fullmatch(name) is not None
