"""Find typical posts of each cluster, near the mean of its posts and unlike each other, in one pass over vectors."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.common.bounded_scan import scan_bounded
from persona_assets.common.pictures import Floats, Ints
from persona_assets.post_vectors.read import BATCH_ROWS, PostVectors

MEDOIDS = 3
# Until texts are read, posts of the 24 highest distinct similarities are kept, up to three of each. Copies of a text
# have one similarity, so a text that was posted a thousand times does not displace other posts.
SIMILARITIES_KEPT, POSTS_PER_SIMILARITY = 24, MEDOIDS
# What a post loses for its highest cosine to those already chosen (maximal marginal relevance, Carbonell and Goldstein,
# 1998), as for key phrases.
REDUNDANCY_WEIGHT = 1.0


class Medoid(NamedTuple):
    """A typical post of a cluster: URI, text, and cosine similarity to the mean of the cluster's posts."""

    uri: str
    similarity: float  # cosine to the mean
    text: str


class _Nearest(NamedTuple):
    """The nearest posts so far, sorted by cluster, nearest first, as arrays with one row for each post."""

    clusters: Ints
    similarity: npt.NDArray[np.float64]
    uris: pa.Array
    vectors: Floats  # unit length


def find_medoids(
    posts: Iterable[PostVectors], english_posts: pads.Dataset, *, clusters: Ints, means: Floats
) -> list[list[Medoid]]:
    """Return up to `MEDOIDS` posts of each cluster that are near its mean post vector and unlike each other.

    The first is the medoid: the post with the minimum total cosine distance to all posts of its cluster. It is the one
    nearest the direction of their mean, so one pass over the vectors replaces all pairs. The others are chosen among
    the next nearest by maximal marginal relevance: cosine to the mean less the highest cosine to those chosen before.
    Memory is one batch, and the nearest posts so far with their vectors: 72 of each cluster at most.

    Args:
        posts: Vectors of all posts of the window by users in clusters, in batches.
        english_posts: `tables.ENGLISH_POSTS` of the window, for the texts.
        clusters: int64 `(n_users,)`, the cluster of each user, indexed by `PostVectors.rows`.
        means: float32 `(k, d)`, unit length, the direction of the mean of each cluster's posts.
    """
    nearest = _Nearest(
        np.empty(0, np.int64), np.empty(0), pa.array([], pa.string()), np.empty((0, means.shape[1]), np.float32)
    )
    for batch in posts:
        nearest = _keep_nearest(nearest, batch, clusters[batch.rows], means)
    texts = _read_texts(english_posts, nearest.uris)
    return _pick_distinct(nearest, texts, n_clusters=len(means))


def _keep_nearest(nearest: _Nearest, posts: PostVectors, post_clusters: Ints, means: Floats) -> _Nearest:
    """Return the nearest posts among those so far and a batch, sorted by cluster, similarity and URI.

    Args:
        nearest: The nearest posts so far.
        posts: The batch.
        post_clusters: int64 `(n_posts,)`, the cluster of each post of the batch.
        means: float32 `(k, d)`, unit length.
    """
    of_batch = np.einsum("ij,ij->i", posts.vectors, means[post_clusters]).astype(np.float64).round(6)
    near = np.flatnonzero(of_batch >= _find_thresholds(nearest, len(means))[post_clusters])
    if not len(near):
        return nearest
    clusters = np.concatenate([nearest.clusters, post_clusters[near]])
    similarity = np.concatenate([nearest.similarity, of_batch[near]])
    uris = pa.concat_arrays([nearest.uris, posts.uris.take(pa.array(near))])
    vectors = np.concatenate([nearest.vectors, posts.vectors[near]])
    order = pc.sort_indices(
        pa.table([clusters, similarity, uris], names=["cluster", "similarity", "uri"]),
        sort_keys=[("cluster", "ascending"), ("similarity", "descending"), ("uri", "ascending")],
    )
    kept = order.filter(pa.array(_mark_kept(clusters[order.to_numpy()], similarity[order.to_numpy()])))
    rows = kept.to_numpy()
    return _Nearest(clusters[rows], similarity[rows], uris.take(kept), vectors[rows])


def _find_thresholds(nearest: _Nearest, n_clusters: int) -> npt.NDArray[np.float64]:
    """Return the similarity below which a post of each cluster is not kept, `(n_clusters,)`: -inf if any is."""
    thresholds = np.full(n_clusters, -np.inf)
    is_distinct = (np.diff(nearest.clusters, prepend=-1) != 0) | (np.diff(nearest.similarity, prepend=2) != 0)
    is_full = np.bincount(nearest.clusters[is_distinct], minlength=n_clusters) == SIMILARITIES_KEPT
    lowest = np.full(n_clusters, np.inf)
    np.minimum.at(lowest, nearest.clusters, nearest.similarity)
    thresholds[is_full] = lowest[is_full]
    return thresholds


def _mark_kept(clusters: Ints, similarity: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return a mask of the sorted posts that are kept: `POSTS_PER_SIMILARITY` of each of the highest similarities."""
    rows = np.arange(len(clusters))
    is_new_cluster = np.diff(clusters, prepend=-1) != 0
    is_new = is_new_cluster | (np.diff(similarity, prepend=2) != 0)
    since_new = rows - np.maximum.accumulate(np.where(is_new, rows, 0))
    place = np.cumsum(is_new)
    rank = place - place[np.maximum.accumulate(np.where(is_new_cluster, rows, 0))]
    return (rank < SIMILARITIES_KEPT) & (since_new < POSTS_PER_SIMILARITY)


def _read_texts(english_posts: pads.Dataset, uris: pa.Array) -> dict[str, str]:
    """Return the texts of a few posts by URI; of a URI that was delivered several times, the first one."""
    columns = ["uri", "text", "event_time_us"]
    scanner = scan_bounded(english_posts, columns=columns, condition=pc.field("uri").isin(uris), batch_rows=BATCH_ROWS)
    found = scanner.to_table()
    found = found.sort_by([("event_time_us", "descending"), ("text", "descending")])  # dict keeps the last of a URI
    return dict(zip(found["uri"].to_pylist(), found["text"].to_pylist(), strict=True))


def _pick_distinct(nearest: _Nearest, texts: Mapping[str, str], *, n_clusters: int) -> list[list[Medoid]]:
    """Return the medoids of each cluster, of its nearest posts that have a text of their own."""
    candidates: list[dict[str, int]] = [{} for _ in range(n_clusters)]
    uris = nearest.uris.to_pylist()
    for row, (cluster, uri) in enumerate(zip(nearest.clusters.tolist(), uris, strict=True)):
        if uri in texts:
            candidates[cluster].setdefault(texts[uri], row)
    return [
        [
            Medoid(uris[row], float(nearest.similarity[row]), texts[uris[row]])
            for row in _choose_different(list(rows.values()), nearest)
        ]
        for rows in candidates
    ]


def _choose_different(rows: list[int], nearest: _Nearest) -> list[int]:
    """Return up to `MEDOIDS` of the rows by maximal marginal relevance, the nearest first."""
    vectors = nearest.vectors[rows].astype(np.float32)
    similarity = nearest.similarity[rows]
    chosen: list[int] = []
    while len(chosen) < min(MEDOIDS, len(rows)):
        # Rounded, so that ties are broken by the order of rows and not by the last bit.
        redundancy = np.einsum("ik,jk->ij", vectors, vectors[chosen]).max(axis=1, initial=-1.0)
        gain = np.round(similarity - REDUNDANCY_WEIGHT * redundancy, 5)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
    return [rows[one] for one in chosen]
