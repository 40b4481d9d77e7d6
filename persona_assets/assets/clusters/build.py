"""Compute the tables of the asset `clusters` from the vectors of posts."""

from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.clusters.choose_k import KCandidate, choose_n_clusters
from persona_assets.assets.clusters.fit import require_enough_users
from persona_assets.assets.clusters.hierarchy import fit_hierarchy
from persona_assets.assets.clusters.lloyd import KMEANS, ClusterSpec, Fit
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets.assets.clusters.stability import measure_stability
from persona_assets.assets.clusters.whiten import whiten_vectors
from persona_assets.common.columns import column, required_column
from persona_assets.common.database import QueryOptions
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut
from persona_assets.post_vectors.assign import (
    Labels,
    Vectors,
    assign_second_nearest,
    compute_centres,
    single_threaded_blas,
)
from persona_assets.post_vectors.read import find_model_name
from persona_assets.post_vectors.user_vectors import UserVectors, average_user_vectors

# Side table with a row per row of `clusters`, in the same order: how clearly the user belongs to its cluster.
CERTAINTY = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
        column("next_cluster_id", pa.int32(), "The second nearest cluster; empty where there is only one."),
        column("next_similarity", pa.float32(), "Cosine of the user's vector and that cluster's centre, -1 to 1."),
        required_column("silhouette", pa.float32(), "-1 to 1: below 0 the user is nearer to another cluster."),
        required_column("levels", pa.list_(pa.int32()), "The user's cluster at each level, the coarsest first."),
    ]
)
# Side table with a row per number of clusters tried; empty if the number was given.
CURVE = pa.schema(
    [
        required_column("n_clusters", pa.int32(), "Number of clusters that was tried."),
        required_column("silhouette", pa.float64(), "Mean silhouette of the users at that number, -1 to 1."),
        column("stability", pa.float64(), "Agreement of fits to halves of the users; measured near the best only."),
    ]
)


class ClusteringOptions(NamedTuple):
    """Options of a clustering: numbers of clusters by level, minimum size and its policy, seed, method, whitening."""

    n_clusters: tuple[int, ...]  # ascending: the coarser levels, then the final clusters; empty: choose the number
    min_cluster_size: int  # minimum number of users in a cluster
    seed: int  # of all random choices
    min_size_policy: Literal["fill", "dissolve"] = "fill"  # for clusters below the minimum size
    method: str = KMEANS  # a key of `methods.CLUSTERING_METHODS`
    whiten: bool = False  # cluster whitened user vectors (`whiten.py`)


class ClusteringResult(NamedTuple):
    """Result of `cluster_users`: the tables of clusters, centres and certainty, quality measures, and dropped users."""

    clusters: pa.Table  # tables.CLUSTERS, sorted by user_id
    centres: pa.Table  # tables.centres_schema(d), sorted by cluster_id
    certainty: pa.Table  # CERTAINTY, sorted by user_id
    numbers_tried: list[KCandidate]  # the numbers of clusters tried; empty if the number was given
    stability: float | None  # 0 to 1; None for one cluster, or if half of the users are fewer than the clusters
    dropped: dict[str, int]  # number of users without a vector, by reason


def cluster_users(  # noqa: PLR0913 - the inputs, what to leave out of them, and limits
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    options: ClusteringOptions,
    *,
    repeated_uris: pa.Array | None = None,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    work: QueryOptions | None = None,
) -> ClusteringResult:
    """Average each user's post vectors, and cluster the users of a window by these means.

    The result does not depend on the order of posts, users and files. Memory is 4 bytes per user and dimension, and 8
    while the vectors of posts are read; beyond half of the memory limit of `work` they are in a mapped file.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        options: Number and minimum size of clusters, seed, method.
        repeated_uris: URIs of posts with more than one vector, of which only the first is used.
        left_out: Users who are in no cluster, and posts that are part of no user's vector.
        work: Memory limit and folder for temporary files; None for users' vectors in memory, whatever their size.

    Raises:
        TooFewUsersError: The window has too few users, or too few users with a vector. The number of users is checked
            before vectors are read.
        VectorError: A vector is not finite or not of unit length, or days differ in width, dtype or model.
    """
    n_clusters = max(options.n_clusters, default=2)
    spec = ClusterSpec(n_clusters, options.min_cluster_size, options.min_size_policy, options.method)
    require_enough_users(english_users.count_rows(), spec)
    users = average_user_vectors(
        embeddings,
        english_users,
        repeated_uris=repeated_uris,
        left_out=left_out,
        with_covariance=options.whiten,
        work=work,
    )
    require_enough_users(len(users.user_ids), spec)
    vectors = (
        whiten_vectors(users.vectors, users.within_covariance, n_clusters=n_clusters)
        if options.whiten
        else users.vectors
    )
    curve: list[KCandidate] = []
    if not options.n_clusters:
        chosen, curve = choose_n_clusters(vectors, spec, seed=options.seed)
        spec = spec._replace(n_clusters=chosen)
    fit, levels = fit_hierarchy(vectors, [*options.n_clusters[:-1], spec.n_clusters], spec, seed=options.seed)
    several = len(fit.centres) > 1
    return ClusteringResult(
        clusters=pa.table([users.user_ids, fit.labels, fit.similarity], schema=tables.CLUSTERS),
        centres=_centres_table(users, fit, model=find_model_name(embeddings)),
        certainty=_certainty_table(users, fit, vectors, levels),
        numbers_tried=curve,
        stability=measure_stability(vectors, spec, seed=options.seed) if several else None,
        dropped=users.dropped,
    )


def _centres_table(users: UserVectors, fit: Fit, *, model: str | None) -> pa.Table:
    """Return the centres as means of the users' own vectors, also where whitened vectors were clustered."""
    k, width = len(fit.centres), users.vectors.shape[1]
    with single_threaded_blas():
        centres = compute_centres(users.vectors, fit.labels, fallback=np.zeros((k, width), np.float32))
    schema = tables.add_vector_model(tables.centres_schema(width), model)
    column = pa.FixedSizeListArray.from_arrays(centres.ravel(), type=schema.field("centre").type)
    return pa.table([np.arange(k, dtype=np.int32), np.bincount(fit.labels), column], schema=schema)


def _certainty_table(users: UserVectors, fit: Fit, vectors: Vectors, levels: list[Labels]) -> pa.Table:
    n_users = len(fit.labels)
    next_cluster = pa.nulls(n_users, pa.int32())
    next_similarity = pa.nulls(n_users, pa.float32())
    if len(fit.centres) > 1:
        with single_threaded_blas():
            next_cluster, next_similarity = map(pa.array, assign_second_nearest(vectors, fit.labels, fit.centres))
    paths = np.stack([*levels, fit.labels], axis=1)
    offsets = np.arange(0, paths.size + 1, paths.shape[1], dtype=np.int32)
    columns = [
        users.user_ids,
        next_cluster,
        next_similarity,
        measure_silhouette(vectors, fit.labels),
        pa.ListArray.from_arrays(offsets, paths.ravel()),
    ]
    return pa.table(columns, schema=CERTAINTY)
