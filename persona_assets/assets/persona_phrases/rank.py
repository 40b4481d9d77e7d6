"""Rank the phrases of each cluster by how well they tell it from the others, and put a name together."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from persona_assets.assets.persona_phrases.candidates import CandidatePhrase

Floats = npt.NDArray[np.float32]

MAX_PHRASES = 8
PHRASES_OF_A_NAME = 3
SEPARATOR = " · "
NO_NAME = "no common words"
# Weights of a phrase's class-based TF-IDF, of its cosine to the cluster's centre, and of how much nearer it is to this
# centre than to any other.
TFIDF_WEIGHT, COSINE_WEIGHT, MARGIN_WEIGHT = 1.0, 1.0, 2.0
# What a phrase loses for its cosine to the phrases already chosen (maximal marginal relevance, Carbonell and Goldstein,
# 1998).
REDUNDANCY_WEIGHT = 1.0


def rank_phrases(
    candidates: Sequence[Sequence[CandidatePhrase]], vectors: Mapping[str, Floats], centres: Floats
) -> list[list[str]]:
    """Choose at most `MAX_PHRASES` key phrases of each cluster, best first, such that no two share a word.

    Phrases and centres are compared after the mean of each is taken off: short phrases and whole posts lie in different
    regions, and all centres share much.

    Args:
        candidates: Of each cluster, in order of its number.
        vectors: Of each phrase, float32 `(d,)`, by the model that made the centres.
        centres: float32 `(k, d)`, unit length.
    """
    if not vectors:
        return [[] for _ in candidates]
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with scikit-learn, not needed for definitions

    phrases = sorted(vectors)
    matrix = np.stack([vectors[phrase] for phrase in phrases])
    points = dict(zip(phrases, _unit(matrix - matrix.mean(axis=0)), strict=True))
    directions = _unit(centres - centres.mean(axis=0)) if len(centres) > 1 else centres
    # The products are small, and threads would wait for each other in a loop: 10 s of CPU in place of 0.8 for a
    # thousand clusters on a busy machine.
    with threadpool_limits(limits=1):
        return [
            _choose(of_cluster, np.stack([points[one.phrase] for one in of_cluster]), directions, cluster)
            if of_cluster
            else []
            for cluster, of_cluster in enumerate(candidates)
        ]


def _choose(candidates: Sequence[CandidatePhrase], points: Floats, directions: Floats, cluster: int) -> list[str]:
    cosines = points @ directions.T
    own = cosines[:, cluster]
    others = np.delete(cosines, cluster, axis=1).max(axis=1, initial=-1.0)
    tfidf = np.sqrt([candidate.score for candidate in candidates])
    # Rounded, so that ties are broken by the order of candidates and not by the last bit.
    score = np.round(TFIDF_WEIGHT * tfidf + COSINE_WEIGHT * own + MARGIN_WEIGHT * (own - others), 6)
    chosen: list[int] = []
    taken: set[str] = set()
    stems = [_find_stems(candidate.phrase) for candidate in candidates]
    while len(chosen) < MAX_PHRASES:
        free = [at for at, own_stems in enumerate(stems) if not taken & own_stems]
        if not free:
            break
        redundancy = (points[free] @ points[chosen].T).max(axis=1, initial=0.0)
        best = free[int(np.argmax(np.round(score[free] - REDUNDANCY_WEIGHT * redundancy, 6)))]
        chosen.append(best)
        taken |= stems[best]
    return [candidates[at].phrase for at in chosen]


def name_clusters(phrases: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each cluster, of its best three phrases at most; different clusters may have equal names."""
    return [SEPARATOR.join(of_cluster[:PHRASES_OF_A_NAME]) or NO_NAME for of_cluster in phrases]


def _find_stems(phrase: str) -> set[str]:
    return {word.removeprefix("#").removesuffix("s") for word in phrase.split()}


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
