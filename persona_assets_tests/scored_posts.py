"""Score detectors of personal data on posts whose spans are known.

- `posts_own.jsonl`: by the author of the patterns, written before them.
- `posts_other.jsonl`: by somebody who wrote no pattern.
- `posts_names.jsonl`: English posts with names of all origins, and harmless ones. By the author of the rules that add
  to a model's names, written and committed before these rules, and before looking at which names a model misses.
- `posts_traps.jsonl`: 60 English posts with names of many origins, as written and in lower case, and 110 harmless ones
  with words that are names elsewhere: months, places, brands, songs, flowers, teams, first words of sentences. Written
  and committed after the rules on lists and before any rule on what a model finds.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from persona_assets.personal_data import Span

FOLDER = Path(__file__).parent / "personal_data"
# Share of the characters of a span that must be found, and of a found span that must be personal data.
COVERED, DESERVED = 0.9, 0.5


class Post(NamedTuple):
    """A made-up post and its personal data."""

    text: str
    spans: list[Span]


class Score(NamedTuple):
    """Counts by kind. A span that is found under another kind counts as found: it is removed all the same."""

    known: Counter
    found: Counter
    right: Counter
    wrong: Counter
    harmless: int
    alarms: int

    def recall(self, kinds: Iterable[str]) -> float:
        kinds = list(kinds)
        return sum(self.found[kind] for kind in kinds) / max(1, sum(self.known[kind] for kind in kinds))

    def precision(self, kinds: Iterable[str]) -> float:
        kinds = list(kinds)
        right = sum(self.right[kind] for kind in kinds)
        return right / max(1, right + sum(self.wrong[kind] for kind in kinds))


def read_posts(name: str) -> list[Post]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Post(row["text"], [Span(one["start"], one["end"], one["kind"]) for one in row["spans"]]) for row in rows]


def score(posts: Sequence[Post], find: Callable[[Sequence[str]], Sequence[Sequence[Span]]]) -> Score:
    """Score a detector that takes texts and returns spans. A harmless post has no personal data."""
    scored = Score(Counter(), Counter(), Counter(), Counter(), sum(not post.spans for post in posts), 0)
    alarms = 0
    for post, spans in zip(posts, find([post.text for post in posts]), strict=True):
        found = {at for span in spans for at in range(span.start, span.end)}
        known = {at for span in post.spans for at in range(span.start, span.end)}
        for span in post.spans:
            scored.known[span.kind] += 1
            scored.found[span.kind] += len(found & set(range(span.start, span.end))) >= COVERED * (
                span.end - span.start
            )
        for span in spans:
            deserved = len(known & set(range(span.start, span.end))) >= DESERVED * (span.end - span.start)
            (scored.right if deserved else scored.wrong)[span.kind] += 1
        alarms += bool(spans) and not post.spans
    return scored._replace(alarms=alarms)
