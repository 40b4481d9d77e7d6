"""Cut the texts of each author into a half that an attacker knows and a half that is released, and match the two.

What has one pseudonym is a unit. With pseudonyms per release a unit is all that an author has in the released half,
and with pseudonyms per line it is one text.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from persona_assets.privacy.linkage import Linkage, Method, count_terms, link_by_counts, link_by_vectors

Attack = Literal["words", "characters", "vectors"]
# By method, the sparse matrix that `linkage.count_terms` returns.
TermCounts = dict[Method, Any]


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


def link_halves(  # noqa: PLR0913 - what is matched, and two inputs that may be lacking
    texts: Sequence[str],
    authors: npt.NDArray[np.int64],
    units: Sequence[Hashable],
    known: npt.NDArray[np.bool_],
    *,
    vectors: npt.NDArray[np.floating[Any]] | None = None,
    counts: TermCounts | None = None,
) -> dict[Attack, Linkage]:
    """Match the released half of the texts to their authors by the known half; return the results by attack.

    Args:
        texts: `(n,)`, as released.
        authors: `(n,)`, numbers from 0 without gaps; each author has at least one known text.
        units: `(n,)`, what has one pseudonym, such as a line. No unit has two authors.
        known: `(n,)`, which texts the attacker knows. The others are released.
        vectors: `(n, d)`, a vector of each text. None: nothing is matched by vectors.
        counts: What `count_all_terms` returned for the texts, for callers with several kinds of units.

    Raises:
        ValueError: There are fewer than two authors, or no text is released.
    """
    before, after = np.flatnonzero(known), np.flatnonzero(~known)
    numbers: dict[Hashable, int] = {}
    unit_of = np.array([numbers.setdefault(units[at], len(numbers)) for at in after.tolist()], dtype=np.int64)
    author_of = np.zeros(len(numbers), dtype=np.int64)
    author_of[unit_of] = authors[after]
    n_authors = int(authors.max(initial=-1)) + 1
    found: dict[Attack, Linkage] = {
        method: link_by_counts(
            _sum(counted[before], authors[before], n_authors), _sum(counted[after], unit_of, len(numbers)), author_of
        )
        for method, counted in (counts or count_all_terms(texts)).items()
    }
    if vectors is not None:
        known_means = _average(vectors[before], authors[before], n_authors)
        found["vectors"] = link_by_vectors(known_means, _average(vectors[after], unit_of, len(numbers)), author_of)
    return found


def count_all_terms(texts: Sequence[str]) -> TermCounts:
    """Count the terms of each text by each method that compares texts."""
    return {method: count_terms(texts, method=method) for method in ("words", "characters")}


def _sum(counts: Any, groups: npt.NDArray[np.int64], n_groups: int) -> Any:
    """Return the sum of the rows of each group of a sparse matrix, which are the counts of its joined texts."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - 0.1 s to import

    chosen = (np.ones(len(groups), np.int64), (groups, np.arange(len(groups))))
    return csr_array(chosen, shape=(n_groups, len(groups))) @ counts


def _average(
    vectors: npt.NDArray[np.floating[Any]], groups: npt.NDArray[np.int64], n_groups: int
) -> npt.NDArray[np.float64]:
    """Return the mean vector of each group."""
    sums = np.zeros((n_groups, vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    return sums / np.maximum(np.bincount(groups, minlength=n_groups), 1)[:, None]
