"""Pack the cards of the personas beyond the first ones, and further words to search, as compressed data of the page."""

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from persona_assets.assets.cluster_stats.compare_with_all import Comparison
from persona_assets.assets.cluster_stats.typical_threads import Message

# Maximum bytes of the packed cards. Beyond it, cards have fewer texts: the first of these choices that fits is taken,
# as (posts of a card, whether it has a thread, number of its topics).
MAX_PACKED_BYTES = 360_000
TEXTS = ((3, True, 4), (2, True, 4), (2, False, 3), (1, False, 2), (0, False, 1), (0, False, 0))
# Longer texts are cut on these cards.
MAX_TEXT_CHARACTERS = 200
WORDS_OF_A_TOPIC = 6


def pack_cards(  # noqa: PLR0913 - the parts of cards
    clusters: Sequence[dict[str, Any]],
    compared: Sequence[Sequence[Comparison]],
    mixes: Sequence[Sequence[float]],
    threads: Sequence[Sequence[Message]],
    *,
    first: int,
    words_shown: int,
) -> str:
    """Encode what the report shows of clusters `first` and later for its script: base64 of zlib-compressed JSON.

    Args:
        clusters: The value of `clusters` in `stats.json`.
        compared: Of each cluster, as `compare_with_all` returns it.
        mixes: Of each cluster, the shares of its kinds of actions.
        threads: Of each cluster, or empty.
        first: Number of clusters whose cards are part of the page.
        words_shown: Number of words on a card.

    Returns:
        The packed object: `search` (for each cluster, all its phrases and words), `cards` (from `first` on), `posts`
        and `threads` (how many of its typical posts a card has, and whether it has a thread).
    """
    packed = ""
    for posts, with_thread, topics in TEXTS:
        cards = [
            _card(
                clusters[number],
                compared[number],
                mixes[number],
                threads[number] if threads and with_thread else (),
                (posts, topics, words_shown),
            )
            for number in range(first, len(clusters))
        ]
        content = {
            "search": [_further_words(cluster) for cluster in clusters],
            "cards": cards,
            "posts": posts,
            "threads": with_thread,
        }
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
        if len(packed) <= MAX_PACKED_BYTES:
            break
    return packed


def _further_words(cluster: dict[str, Any]) -> str:
    words = [*cluster["phrases"], *(word["word"] for word in cluster["words"])]
    return " ".join(dict.fromkeys(words))


def _card(
    cluster: dict[str, Any],
    compared: Sequence[Comparison],
    mix: Sequence[float],
    thread: Sequence[Message],
    numbers: tuple[int, int, int],
) -> dict[str, Any]:
    medians, (posts, topics, words_shown) = cluster["medians"], numbers
    return {
        "about": cluster["description"],
        "words": [word["word"] for word in cluster["words"][:words_shown]],
        "share": cluster["share"],
        "total": cluster["counts"]["total"],
        "medians": [medians["posts"], medians["replies"], medians["like"]],
        "mix": [round(share, 3) for share in mix],
        "compared": [[round(one.per_user, 2), one.ratio and round(one.ratio, 2)] for one in compared],
        "hours": [round(1000 * share) for share in cluster["hours"]],
        "nearest": [[other["cluster_id"], round(other["similarity"], 2)] for other in cluster["nearest"]],
        "topics": [topic[:WORDS_OF_A_TOPIC] for topic in cluster["topics"][:topics]],
        "posts": [[_shorten(one["text"]), round(one["similarity"], 2)] for one in cluster["medoids"] if "text" in one][
            :posts
        ],
        "thread": [[one.speaker, int(one.is_member), _shorten(one.text)] for one in thread],
    }


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[:MAX_TEXT_CHARACTERS].rstrip()}…"
