"""Make the tables of this asset: from the vectors of posts to users in clusters."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.clusters.assign import Labels, Vectors, assign_next, average_centres, single_threaded_blas
from persona_assets.assets.clusters.choose_k import Candidate, choose_n_clusters
from persona_assets.assets.clusters.fit import require_enough_users
from persona_assets.assets.clusters.hierarchy import fit_levels
from persona_assets.assets.clusters.lloyd import KMEANS, ClusterSpec, Fit
from persona_assets.assets.clusters.silhouette import measure_silhouette
from persona_assets.assets.clusters.stability import measure_stability
from persona_assets.assets.clusters.user_vectors import UserVectors, average_user_vectors
from persona_assets.assets.clusters.whiten import whiten_vectors
from persona_assets.common.columns import column, required_column
from persona_assets.post_vectors.read import common_model

# How sure each user's cluster is: beside `clusters`, in the same order.
CERTAINTY = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of the user."),
        column("next_cluster_id", pa.int32(), "The second nearest cluster; empty where there is only one."),
        column("next_similarity", pa.float32(), "Cosine of the user's vector and that cluster's centre, -1 to 1."),
        required_column("silhouette", pa.float32(), "-1 to 1: below 0 the user is nearer to another cluster."),
        required_column("levels", pa.list_(pa.int32()), "The user's cluster at each level, the coarsest first."),
    ]
)
# What the number of clusters was chosen from: beside `clusters`, empty where the number was given.
CURVE = pa.schema(
    [
        required_column("n_clusters", pa.int32(), "Number of clusters that was tried."),
        required_column("silhouette", pa.float64(), "Mean silhouette of the users at that number, -1 to 1."),
        column("stability", pa.float64(), "Agreement of fits to halves of the users; measured near the best only."),
    ]
)


class ClusteringOptions(NamedTuple):
    """What clusters are asked for."""

    n_clusters: tuple[int, ...]  # rising: coarser levels, then the clusters; empty chooses by silhouette
    min_cluster_size: int  # fewest users of a cluster
    seed: int  # of every draw
    min_size_policy: Literal["fill", "dissolve"] = "fill"  # what becomes of smaller clusters
    method: str = KMEANS  # a name in `methods.CLUSTERING_METHODS`
    sharpen: bool = False  # fit where users differ most for how much each varies


class Personas(NamedTuple):
    """The clusters of a window, and how good they are."""

    clusters: pa.Table  # tables.CLUSTERS, sorted by user_id
    centres: pa.Table  # tables.centres_schema(d), by cluster_id
    certainty: pa.Table  # CERTAINTY
    curve: list[Candidate]  # what the number of clusters was chosen from; empty when it was given
    stability: float | None  # None for one cluster, and where half of the users are fewer than the clusters
    dropped: dict[str, int]  # users without a vector, by reason
    fitted: Vectors  # (n_users, d'), the vectors that were clustered


def find_personas(  # noqa: PLR0913 - what is read, what is wanted, what is told
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    wanted: ClusteringOptions,
    *,
    repeated: pa.Array | None = None,
    note_posts: Callable[[int], None] = lambda _: None,
    note_choices: Callable[[int], None] = lambda _: None,
) -> Personas:
    """Cluster the users of a window by the mean of their posts' vectors.

    The same for any order of posts, users and files. Memory is O(users * d).

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        wanted: Number and least size of clusters, and how they are made.
        repeated: Uris of posts with more than one vector: each counts once.
        note_posts: Called with the number of posts of each batch once it is read.
        note_choices: Called with 1 after each number of clusters that is tried.

    Raises:
        TooFewUsersError: Before any vector is read, or when too few users have one.
        VectorError: Vectors are not finite, not of unit length or of different widths.
    """
    n_clusters = max(wanted.n_clusters, default=2)
    sizes = ClusterSpec(n_clusters, wanted.min_cluster_size, wanted.min_size_policy, wanted.method)
    require_enough_users(english_users.count_rows(), sizes)
    users = average_user_vectors(
        embeddings, english_users, repeated=repeated, with_covariance=wanted.sharpen, note=note_posts
    )
    require_enough_users(len(users.user_ids), sizes)
    fitted = whiten_vectors(users.vectors, users.within, n_clusters=n_clusters) if wanted.sharpen else users.vectors
    curve: list[Candidate] = []
    if not wanted.n_clusters:
        chosen, curve = choose_n_clusters(fitted, sizes, seed=wanted.seed, note=note_choices)
        sizes = sizes._replace(n_clusters=chosen)
    fit, levels = fit_levels(fitted, [*wanted.n_clusters[:-1], sizes.n_clusters], sizes, seed=wanted.seed)
    several = len(fit.centres) > 1
    return Personas(
        clusters=pa.table([users.user_ids, fit.labels, fit.similarity], schema=tables.CLUSTERS),
        centres=_centres_table(users, fit, model=common_model(embeddings)),
        certainty=_certainty_table(users, fit, fitted, levels),
        curve=curve,
        stability=measure_stability(fitted, sizes, seed=wanted.seed) if several else None,
        dropped=users.dropped,
        fitted=fitted,
    )


def _centres_table(users: UserVectors, fit: Fit, *, model: str | None) -> pa.Table:
    """Return the centres as means of the users' own vectors, in whatever space they were fitted."""
    k, width = len(fit.centres), users.vectors.shape[1]
    with single_threaded_blas():
        centres = average_centres(users.vectors, fit.labels, before=np.zeros((k, width), np.float32))
    schema = tables.with_vector_model(tables.centres_schema(width), model)
    column = pa.FixedSizeListArray.from_arrays(centres.ravel(), type=schema.field("centre").type)
    return pa.table([np.arange(k, dtype=np.int32), np.bincount(fit.labels), column], schema=schema)


def _certainty_table(users: UserVectors, fit: Fit, fitted: Vectors, levels: list[Labels]) -> pa.Table:
    n_users = len(fit.labels)
    next_cluster = pa.nulls(n_users, pa.int32())
    next_similarity = pa.nulls(n_users, pa.float32())
    if len(fit.centres) > 1:
        with single_threaded_blas():
            next_cluster, next_similarity = map(pa.array, assign_next(fitted, fit.labels, fit.centres))
    paths = np.stack([*levels, fit.labels], axis=1)
    offsets = np.arange(0, paths.size + 1, paths.shape[1], dtype=np.int32)
    columns = [
        users.user_ids,
        next_cluster,
        next_similarity,
        measure_silhouette(fitted, fit.labels),
        pa.ListArray.from_arrays(offsets, paths.ravel()),
    ]
    return pa.table(columns, schema=CERTAINTY)
