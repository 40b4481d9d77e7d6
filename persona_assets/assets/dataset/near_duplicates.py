"""Group texts that are nearly equal, by MinHash signatures and locality-sensitive hashing.

The similarity of two texts is the Jaccard similarity of their sets of five-character runs. The library `rensa` computes
the signatures: 64 values of 32 bits. Texts that agree in a band of four values are candidates, and are grouped if the
share of equal values, an estimate of their similarity with a standard error of at most 0.06, is high enough. A pair of
similarity 0.7 is a candidate with a probability of 0.99, one of 0.8 with 0.9998 (Leskovec, Rajaraman and Ullman, Mining
of Massive Datasets, section 3.4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.keyed_hash import mix_hashes

Signatures = npt.NDArray[np.uint32]

N_VALUES = 64
_BANDS, _ROWS = 16, 4
_RUN = 5  # characters
_TEXTS_PER_BATCH = 2_000  # whose runs stay in the processor's cache
# Pairs of signatures that are compared at a time, in the processor's cache.
_PAIRS_PER_BATCH = 1 << 12
_ONES = np.uint64(0x0101010101010101)


def minhash_texts(texts: Sequence[str], *, seed: int) -> Signatures:
    """Compute the MinHash signature of each text: uint32 `(n, 64)`, 20 microseconds a text of 120 characters.

    Args:
        texts: Normalised texts. One of fewer than five characters has the signature of a text without runs.
        seed: Of the 64 hash functions, and of the hash of runs; 64 bits.
    """
    batches = [_sign(texts[start : start + _TEXTS_PER_BATCH], seed) for start in range(0, len(texts), _TEXTS_PER_BATCH)]
    return np.concatenate(batches) if batches else np.empty((0, N_VALUES), np.uint32)


def group_near_duplicates(signatures: Signatures, *, min_similarity: float) -> npt.NDArray[np.int32]:
    """Return the number of each text's group, int32 `(n,)` from 0, in the order of the groups' first texts.

    Texts are grouped if a chain of pairs connects them. Within a band, each text is compared with the first text and
    the one before it among those that agree, so that time is linear also if a million texts agree.

    Args:
        signatures: uint32 `(n, 64)`; memory beside it is 110 bytes a text.
        min_similarity: Minimum estimated similarity of a pair; with 1, no texts are grouped.
    """
    from scipy.sparse import coo_array  # noqa: PLC0415 - 0.1 s to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - as above

    n_texts = len(signatures)
    if min_similarity >= 1:
        return np.arange(n_texts, dtype=np.int32)
    groups = np.arange(n_texts, dtype=np.int32)
    # Most pairs are far from similar, which the lowest byte of each value shows: a quarter of what is read otherwise.
    lowest = signatures.astype(np.uint8)
    for band in range(_BANDS):
        left, right = _find_candidates(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        # Most pairs agree in several bands, and are in one group after the first of them.
        is_apart = groups[left] != groups[right]
        left, right = left[is_apart], right[is_apart]
        may_be_similar = _compare(lowest, left, right) >= min_similarity
        left, right = left[may_be_similar], right[may_be_similar]
        is_similar = _compare(signatures, left, right) >= min_similarity
        ends = (groups[left[is_similar]], groups[right[is_similar]])
        if len(ends[0]):
            pairs = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n_texts, n_texts))
            # A group has the number of its first text, so that new numbers are in the order of first texts too.
            groups = connected_components(pairs, directed=False)[1].astype(np.int32)[groups]
    return groups


def _sign(texts: Sequence[str], seed: int) -> Signatures:
    from rensa import RMinHash  # noqa: PLC0415 # pyright: ignore[reportAttributeAccessIssue] - only needed here; compiled

    hashes, offsets = _hash_runs(texts, seed)
    rows = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, N_VALUES, seed).to_rows()
    return np.array(rows, dtype=np.uint32).reshape(len(texts), N_VALUES)


def _hash_runs(texts: Sequence[str], seed: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return a polynomial hash of each five-character run of each text, and where the runs of each text begin."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    counts = np.maximum(lengths - _RUN + 1, 0)
    offsets = np.append(0, np.cumsum(counts))
    # Mixed, as small factors would give runs of the same characters equal hashes.
    factor = mix_hashes(np.array([seed], np.uint64), seed)[0] | np.uint64(1)
    every = np.zeros(max(len(codes) - _RUN + 1, 0), np.uint64)
    for place in range(_RUN):
        every *= factor
        every += codes[place : place + len(every)]
    every ^= every >> np.uint64(29)
    every *= np.uint64(0xBF58476D1CE4E5B9)
    every ^= every >> np.uint64(32)
    # Runs across the border of two texts are left out.
    starts = np.cumsum(lengths) - lengths
    places = np.repeat(starts - offsets[:-1], counts) + np.arange(offsets[-1])
    return every[places], offsets.astype(np.uint64)


def _find_candidates(band: Signatures) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return pairs of texts that agree in a band, up to collisions of its hash, which the comparison finds."""
    hashes = np.zeros(len(band), np.uint64)
    for values in np.ascontiguousarray(band).T:
        hashes = (hashes ^ values) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
    order = np.argsort(hashes)
    ordered = hashes[order]
    agrees = np.append(False, ordered[1:] == ordered[:-1])[: len(order)]
    places = np.flatnonzero(agrees)
    run_starts = np.maximum.accumulate(np.where(agrees, 0, np.arange(len(order))))
    # In a run, texts are in their own order. Sorting so is faster than a stable sort of all hashes.
    in_run = np.flatnonzero(agrees | np.append(agrees[1:], False)[: len(order)])
    order[in_run] = np.sort(run_starts[in_run] * len(order) + order[in_run]) % max(len(order), 1)
    order = order.astype(np.int32)
    left = np.concatenate([order[run_starts[places]], order[places - 1]])
    right = np.concatenate([order[places], order[places]])
    # The second text of a run is compared with the first once.
    is_new = np.append(np.full(len(places), fill_value=True), run_starts[places] < places - 1)
    return left[is_new], right[is_new]


def _compare(
    signatures: npt.NDArray[np.unsignedinteger], left: npt.NDArray[np.int32], right: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return the share of equal values of each pair of signatures, or of rows of parts of their values."""
    equal = np.empty(len(left), np.uint64)
    for start in range(0, len(left), _PAIRS_PER_BATCH):
        pairs = slice(start, start + _PAIRS_PER_BATCH)
        # Eight comparisons are one number, in whose bytes they are counted: three times as fast as a mean.
        eights = (signatures[left[pairs]] == signatures[right[pairs]]).view(np.uint64)
        equal[pairs] = (eights.sum(axis=1, dtype=np.uint64) * _ONES) >> np.uint64(56)
    return equal / N_VALUES
