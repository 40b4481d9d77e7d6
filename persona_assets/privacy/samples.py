"""Draw bounded samples of texts and lines, which depend on a seed and not on the order of what is read.

A value is drawn if the keyed hash of its bytes is among the smallest. Equal values have equal hashes, so that a text
that occurs in a thousand rows is as likely to be drawn as one that occurs in a single row.
"""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class ReleasedText(NamedTuple):
    """The last text in a line by the user whose conversation or action the line is.

    Attributes:
        line_id: Number of the line.
        author: Account of the author. It is used inside the audit, and no result names it.
        text: As released.
    """

    line_id: int
    author: str
    text: str


class TextSample:
    """Collects a random sample of at most `limit` distinct texts from a stream: those with the smallest hashes."""

    def __init__(self, limit: int, seed: int) -> None:
        """Begin without a text.

        Args:
            limit: Maximum number of texts that are kept. At least 1.
            seed: Decides which.
        """
        self._limit, self._key = limit, _derive_key(seed)
        self._largest: list[tuple[int, str]] = []  # a heap of negated hashes: the largest hash first
        self._kept: set[str] = set()

    def add(self, texts: Iterable[str]) -> None:
        """Add texts to the stream from which the sample is drawn. Empty ones are ignored."""
        for text in texts:
            if not text or text in self._kept:
                continue
            item = -_hash(text, self._key), text
            if len(self._largest) < self._limit:
                heapq.heappush(self._largest, item)
            elif item > self._largest[0]:
                self._kept.discard(heapq.heappushpop(self._largest, item)[1])
            else:
                continue
            self._kept.add(text)

    def texts(self) -> list[str]:
        """Return the texts of the sample, sorted."""
        return sorted(self._kept)


def draw_authors(lines: Iterable[ReleasedText], *, max_authors: int, max_texts: int, seed: int) -> list[ReleasedText]:
    """Draw authors with at least two different texts, and some texts of each; sorted by author and line.

    Of lines of an author with equal texts the first one counts, so that the halves of an author share no text.

    Args:
        lines: In any order. They are all held in memory.
        max_authors: Maximum number of authors.
        max_texts: Maximum number of lines of an author. At least 2.
        seed: Decides which authors and which lines.
    """
    key = _derive_key(seed)
    of_author: dict[str, dict[str, ReleasedText]] = defaultdict(dict)
    for line in sorted(lines):
        if line.text.strip():
            of_author[line.author].setdefault(line.text, line)
    able = [author for author, texts in of_author.items() if len(texts) > 1]
    drawn = sorted(heapq.nsmallest(max_authors, able, key=lambda author: (_hash(author, key), author)))
    chosen: list[ReleasedText] = []
    for author in drawn:
        own = of_author[author].values()
        chosen += sorted(heapq.nsmallest(max_texts, own, key=lambda line: (_hash(f"{line.line_id}", key), line)))
    return chosen


def draw_part(drawn: Sequence[ReleasedText], *, max_characters: int, seed: int) -> list[ReleasedText]:
    """Draw authors, each with all texts, while their texts have no more than a number of characters; in given order.

    Args:
        drawn: As `draw_authors` returns it.
        max_characters: Maximum number of characters of all texts together.
        seed: Decides which authors: those of a small part are in a larger part too.
    """
    key = _derive_key(seed)
    characters: dict[str, int] = defaultdict(int)
    for line in drawn:
        characters[line.author] += len(line.text)
    chosen: set[str] = set()
    left = max_characters
    for author in sorted(characters, key=lambda author: (_hash(author, key), author)):
        left -= characters[author]
        if left < 0:
            break
        chosen.add(author)
    return [line for line in drawn if line.author in chosen]


def _derive_key(seed: int) -> bytes:
    return hashlib.blake2b(f"audit {seed}".encode(), digest_size=32).digest()


def _hash(value: str, key: bytes) -> int:
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "little")
