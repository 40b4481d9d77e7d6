"""Measure how often released texts are matched to their authors.

The attacker knows texts of every author, and has released units: all that an author wrote under one pseudonym. With
pseudonyms per release or persona a unit is the author's lines; with pseudonyms per line it is one line. Each unit is
matched to the author with the most similar texts. The figures are those of de-anonymisation studies: the share of
units that are matched right, and the share that the attacker finds while 9 of 10 of the matches he claims are right.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

MAX_AUTHORS = 20_000
MAX_UNITS = 200_000
MAX_CHARACTERS = 100_000  # of a unit or author; what is beyond is not read
_MAX_FEATURES = 500_000
_WORD = r"(?u)\S+"
_BLOCK = 512  # units compared at once: 512 x 20,000 authors are 80 MB of float64
_PRECISION = 0.9

Method = Literal["words", "characters"]


class Linkage(NamedTuple):
    """How well released texts were matched to authors: recall at rank 1, and recall at 90 % precision.

    Attributes:
        units: Number of released units.
        authors: Number of authors among whom each is sought.
        recall_at_1: Share of units whose most similar author is theirs.
        recall_at_90_precision: Largest share of units that are matched right, if only those are claimed whose best
            similarity exceeds the second best by a threshold, chosen so that 90 % of the claims are right.
    """

    units: int
    authors: int
    recall_at_1: float
    recall_at_90_precision: float


def link_by_texts(
    known: Sequence[str], released: Sequence[str], author_of: npt.NDArray[np.int64], *, method: Method
) -> Linkage:
    """Match released texts to authors by the cosine of TF-IDF of words or characters; return how often it is right.

    Memory: the TF-IDF of all texts, of at most 500,000 features. scikit-learn is imported here (1 s).

    Args:
        known: `(n_authors,)`, the known texts of each author, joined.
        released: `(n_units,)`, the released texts of each unit, joined.
        author_of: `(n_units,)`, the place in `known` of the author of each unit.
        method: What is counted.

    Raises:
        ValueError: There are too many authors or units, none, or an author who is not in `known`.
    """
    _check(len(known), len(released), author_of)
    counted = count_terms([*known, *released], method=method)
    return link_by_counts(counted[: len(known)], counted[len(known) :], author_of)


def count_terms(texts: Sequence[str], *, method: Method) -> Any:
    """Count the words of each text, or its runs of three to five characters: a sparse matrix `(n, n_terms)`.

    The counts of joined texts are the sums of theirs. Of a text with more than `MAX_CHARACTERS`, the rest is not read.
    """
    return _make_counter(method).fit_transform([text[:MAX_CHARACTERS] for text in texts])


def link_by_counts(known: Any, released: Any, author_of: npt.NDArray[np.int64]) -> Linkage:
    """Match released units to authors as `link_by_texts` does, by the counts of their terms.

    Args:
        known: `(n_authors, n_terms)`, sparse, as `count_terms` returns them or sums of them.
        released: `(n_units, n_terms)`, as `known`.
        author_of: `(n_units,)`, the row in `known` of the author of each unit.

    Raises:
        ValueError: There are too many authors or units, none, or an author who is not in `known`.
    """
    from scipy.sparse import vstack  # noqa: PLC0415 - with scikit-learn
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415 - takes a second to import

    _check(known.shape[0], released.shape[0], author_of)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(vstack([known, released], format="csr"))
    return _link(weighted[: known.shape[0]], weighted[known.shape[0] :], author_of)


def link_by_vectors(
    known: npt.NDArray[np.floating[Any]], released: npt.NDArray[np.floating[Any]], author_of: npt.NDArray[np.int64]
) -> Linkage:
    """Match released vectors to the authors with the highest cosine similarity; return how often that is right.

    Args:
        known: `(n_authors, d)`, such as the mean vector of each author's known texts. Any length.
        released: `(n_units, d)`.
        author_of: `(n_units,)`, the row in `known` of the author of each unit.

    Raises:
        ValueError: There are too many authors or units, none, or an author who is not in `known`.
    """
    _check(len(known), len(released), author_of)
    return _link(_unit(known), _unit(released), author_of)


def link_by_search(
    public: Sequence[str],
    public_authors: npt.NDArray[np.int64],
    released: Sequence[str],
    author_of: npt.NDArray[np.int64],
) -> float:
    """Search each released text in public texts; return the share whose first result is by the true author, 0 to 1.

    The attacker looks for the public text that is most similar by TF-IDF of words, where the released line itself is
    among them: a pseudonym does not help against him. Of equally similar texts the first is taken, so that a text that
    several people posted is found only for one of them.

    Args:
        public: `(n,)` single texts of all authors, as they were posted.
        public_authors: `(n,)` their authors.
        released: `(m,)` single texts as released.
        author_of: `(m,)` their authors, numbered as in `public_authors`.

    Raises:
        ValueError: There are too many texts, or none.
    """
    if not (0 < len(released) <= MAX_UNITS and 0 < len(public) <= MAX_UNITS):
        raise ValueError(f"A search is measured on 1 to {MAX_UNITS:,} texts.")
    from sklearn.feature_extraction.text import TfidfTransformer  # noqa: PLC0415 - takes a second to import

    counted = TfidfTransformer(sublinear_tf=True).fit_transform(count_terms([*public, *released], method="words"))
    texts, queries = counted[: len(public)], counted[len(public) :]
    found = 0
    for start in range(0, len(released), _BLOCK):
        similar = (queries[start : start + _BLOCK] @ texts.T).toarray()
        best = np.round(similar, 12).argmax(axis=1)
        hit = (public_authors[best] == author_of[start : start + _BLOCK]) & (similar.max(axis=1) > 0)
        found += int(hit.sum())
    return found / len(released)


def _make_counter(method: Method) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415 - takes a second to import

    if method == "words":
        return CountVectorizer(token_pattern=_WORD, max_features=_MAX_FEATURES)
    return CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=_MAX_FEATURES)


def _check(authors: int, units: int, author_of: npt.NDArray[np.int64]) -> None:
    if not (1 < authors <= MAX_AUTHORS and 0 < units <= MAX_UNITS):
        raise ValueError(f"Linkage is measured on 2 to {MAX_AUTHORS:,} authors and 1 to {MAX_UNITS:,} units.")
    if author_of.shape != (units,) or author_of.min() < 0 or author_of.max() >= authors:
        raise ValueError("Each unit needs the place of its author among the known ones.")


def _unit(vectors: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1).astype(np.float64)


def _link(known: Any, released: Any, author_of: npt.NDArray[np.int64]) -> Linkage:
    """Match rows of unit length, dense or sparse, in blocks of units."""
    right: list[npt.NDArray[np.bool_]] = []
    margins: list[npt.NDArray[np.float64]] = []
    for start in range(0, released.shape[0], _BLOCK):
        similar = released[start : start + _BLOCK] @ known.T
        # Rounded, so that equal similarities stay equal whatever order a processor adds in.
        similar = np.round(similar if isinstance(similar, np.ndarray) else similar.toarray(), 9)
        best = similar.argmax(axis=1)
        two = np.partition(similar, -2, axis=1)[:, -2:]
        margin: npt.NDArray[np.float64] = (two[:, 1] - two[:, 0]).astype(np.float64)
        # Where no author is more similar than another, nobody is named.
        right.append((best == author_of[start : start + _BLOCK]) & (margin > 0))
        margins.append(margin)
    hits, gaps = np.concatenate(right), np.concatenate(margins)
    return Linkage(len(hits), known.shape[0], float(hits.mean()), _recall_at_precision(hits, gaps))


def _recall_at_precision(hits: npt.NDArray[np.bool_], margins: npt.NDArray[np.float64]) -> float:
    """Return the largest share of units that are claimed and right, over thresholds where 90 % of claims are right."""
    order = np.argsort(-margins, kind="stable")
    right = np.cumsum(hits[order])
    claimed = np.arange(1, len(hits) + 1)
    # A threshold claims all units of equal margin, or none.
    last = np.append(np.diff(margins[order]) != 0, True)
    allowed = last & (right >= _PRECISION * claimed) & (margins[order] > 0)
    return float(right[allowed].max() / len(hits)) if allowed.any() else 0.0
