"""Cut the texts of each author into a half that an attacker knows and a half that is released, and match the two.

What has one pseudonym is a unit. With pseudonyms per release a unit is all that an author has in the released half,
and with pseudonyms per line it is one text.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from persona_assets.privacy.linkage import Linkage, link_by_texts, link_by_vectors

Attack = Literal["words", "characters", "vectors"]


def choose_known_texts(authors: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw half of each author's texts, rounded down, as those that the attacker knows: bool `(n,)`.

    Args:
        authors: `(n,)`, the author of each text.
        rng: Draws the halves; the result depends on the order of the texts.
    """
    known = np.zeros(len(authors), dtype=bool)
    for author in np.unique(authors):
        of_author = rng.permutation(np.flatnonzero(authors == author))
        known[of_author[: len(of_author) // 2]] = True
    return known


def link_halves(
    texts: Sequence[str],
    authors: npt.NDArray[np.int64],
    units: Sequence[Hashable],
    known: npt.NDArray[np.bool_],
    *,
    vectors: npt.NDArray[np.floating[Any]] | None = None,
) -> dict[Attack, Linkage]:
    """Match the released half of the texts to their authors by the known half; return the results by attack.

    Args:
        texts: `(n,)`, as released.
        authors: `(n,)`, numbers from 0 without gaps; each author has at least one known text.
        units: `(n,)`, what has one pseudonym, such as a line. No unit has two authors.
        known: `(n,)`, which texts the attacker knows. The others are released.
        vectors: `(n, d)`, a vector of each text. None: nothing is matched by vectors.

    Raises:
        ValueError: There are fewer than two authors, or no text is released.
    """
    before, after = np.flatnonzero(known), np.flatnonzero(~known)
    profiles = _join(texts, before, authors[before], int(authors.max(initial=-1)) + 1)
    numbers: dict[Hashable, int] = {}
    unit_of = np.array([numbers.setdefault(units[at], len(numbers)) for at in after.tolist()], dtype=np.int64)
    released = _join(texts, after, unit_of, len(numbers))
    author_of = np.zeros(len(numbers), dtype=np.int64)
    author_of[unit_of] = authors[after]
    found: dict[Attack, Linkage] = {
        "words": link_by_texts(profiles, released, author_of, method="words"),
        "characters": link_by_texts(profiles, released, author_of, method="characters"),
    }
    if vectors is not None:
        known_means = _average(vectors[before], authors[before], len(profiles))
        found["vectors"] = link_by_vectors(known_means, _average(vectors[after], unit_of, len(numbers)), author_of)
    return found


def _join(
    texts: Sequence[str], places: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], n_groups: int
) -> list[str]:
    """Return the texts of each group, joined by line breaks."""
    parts: list[list[str]] = [[] for _ in range(n_groups)]
    for place, group in zip(places.tolist(), groups.tolist(), strict=True):
        parts[group].append(texts[place])
    return ["\n".join(part) for part in parts]


def _average(
    vectors: npt.NDArray[np.floating[Any]], groups: npt.NDArray[np.int64], n_groups: int
) -> npt.NDArray[np.float64]:
    """Return the mean vector of each group."""
    sums = np.zeros((n_groups, vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    return sums / np.maximum(np.bincount(groups, minlength=n_groups), 1)[:, None]
