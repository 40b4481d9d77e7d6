"""Assign users to the nearest centre of an earlier clustering, and mark outliers by each cluster's own users."""

import datetime as dt
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.user_assignments.stored_tables import USER_ASSIGNMENTS
from persona_assets.common.database import QueryOptions
from persona_assets.common.provenance import read_provenance
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut
from persona_assets.errors import VectorError
from persona_assets.post_vectors.assign import (
    Float64Array,
    Int64Array,
    Labels,
    Vectors,
    assign_nearest,
    assign_second_nearest,
    single_threaded_blas,
)
from persona_assets.post_vectors.read import find_model_name, read_common_width
from persona_assets.post_vectors.user_vectors import average_user_vectors

# A user is an outlier below this quantile of the similarities of the users from whom the cluster was made.
OUTLIER_QUANTILE = 0.05


class EarlierClusters(NamedTuple):
    """The clusters of an earlier day: centres, and the similarities of the users from whom they were made."""

    day: dt.date
    centres: Vectors  # (k, d), unit length
    users: Int64Array  # (k,), number of users of each cluster
    user_ids: pa.Array  # string, (n_users,)
    labels: Labels  # (n_users,), cluster of each user
    similarity: Float64Array  # (n_users,), `leave_one_out_similarity`; NaN for the only user of a cluster
    persona_ids: list[int | None]  # k, None if lineage does not know the clusters
    model: str | None  # model of the vectors, if the file names it
    schema: pa.Schema  # of the stored centres, with their provenance


class AssignedUsers(NamedTuple):
    """The table of assigned users, and the number of users without a vector by reason."""

    table: pa.Table  # USER_ASSIGNMENTS, sorted by user_id
    dropped: dict[str, int]


def load_earlier_clusters(
    day: dt.date, clusters: pads.Dataset, centres: pads.FileSystemDataset, lineage: pads.Dataset | None
) -> EarlierClusters:
    """Load an earlier day's clusters: centres, users with their similarity, and persona numbers.

    Args:
        day: Day of the clusters.
        clusters: `tables.CLUSTERS` of that day.
        centres: `tables.centres_schema(d)` of that day.
        lineage: `tables.LINEAGE`, or None where there is none.

    Raises:
        VectorError: The clusters were made of whitened vectors, whose space is not stored.
    """
    (fragment,) = centres.get_fragments()
    schema = fragment.physical_schema
    _refuse_whitened(day, schema)
    table = fragment.to_table(schema=schema).sort_by("cluster_id")
    column = table["centre"].combine_chunks()
    users = clusters.to_table(columns=["user_id", "cluster_id", "similarity"]).combine_chunks()
    sizes = table["users"].to_numpy()
    return EarlierClusters(
        day=day,
        centres=column.flatten().to_numpy().reshape(-1, column.type.list_size),
        users=sizes,
        user_ids=pa.concat_arrays(users["user_id"].chunks),
        labels=(labels := users["cluster_id"].to_numpy()),
        similarity=leave_one_out_similarity(users["similarity"].to_numpy(), labels, len(sizes)),
        persona_ids=_find_persona_ids(lineage, day, sizes.tolist()),
        model=tables.read_vector_model(schema),
        schema=schema,
    )


def _refuse_whitened(day: dt.date, schema: pa.Schema) -> None:
    steps = (read_provenance(schema) or {}).get("steps", {}).get("clusters", [])
    if any(step["settings"].get("whiten_users") for step in steps):
        raise VectorError(
            f"clusters of {day} were made of whitened vectors (PERSONA_WHITEN_USERS), in which later users have no "
            "place: set PERSONA_ASSIGN_TO to a day whose clusters were made without, or make these again without"
        )


def _find_persona_ids(lineage: pads.Dataset | None, day: dt.date, sizes: list[int]) -> list[int | None]:
    """Return the persona of each cluster; None for all if lineage lacks the day or has other clusters of it."""
    if lineage is None:
        return [None] * len(sizes)
    known = (pc.field("day") == day) & pc.field("cluster_id").is_valid()
    rows = lineage.to_table(filter=known, columns=["cluster_id", "persona_id", "users"]).sort_by("cluster_id")
    return rows["persona_id"].to_pylist() if rows["users"].to_pylist() == sizes else [None] * len(sizes)


def assign_users(  # noqa: PLR0913 - the inputs, what to leave out of them, and limits
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    earlier: EarlierClusters,
    *,
    repeated_uris: pa.Array | None = None,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    work: QueryOptions | None = None,
) -> AssignedUsers:
    """Assign each user of a window to the nearest centre of an earlier day, and mark outliers.

    Centres do not move and no minimum size is enforced. The result does not depend on the order of posts, users and
    files. Memory is that of `average_user_vectors`.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        earlier: Clusters of the earlier day.
        repeated_uris: URIs of posts with more than one vector, of which only the first is used.
        left_out: Users who are not assigned, and posts that are part of no user's vector.
        work: Memory limit and folder for temporary files; None for users' vectors in memory, whatever their size.

    Raises:
        VectorError: The window's vectors are of another model or width than the centres, differ between days, or are
            not of unit length.
    """
    _require_same_model(embeddings, earlier)
    users = average_user_vectors(embeddings, english_users, repeated_uris=repeated_uris, left_out=left_out, work=work)
    with single_threaded_blas():
        nearest = assign_nearest(users.vectors, earlier.centres) if len(users.user_ids) else None
        margin = (
            nearest.similarity - assign_second_nearest(users.vectors, nearest.labels, earlier.centres).similarity
            if nearest is not None and len(earlier.centres) > 1
            else pa.nulls(len(users.user_ids), pa.float32())
        )
    if nearest is None:
        return AssignedUsers(USER_ASSIGNMENTS.empty_table(), users.dropped)
    personas = pa.array(earlier.persona_ids, pa.int32())
    columns = [
        users.user_ids,
        personas.take(pa.array(nearest.labels)),
        nearest.labels,
        pa.repeat(pa.scalar(earlier.day, pa.date32()), len(nearest.labels)),
        nearest.similarity,
        margin,
        nearest.similarity < outlier_limits(earlier)[nearest.labels],
        users.posts,
    ]
    return AssignedUsers(pa.table(columns, schema=USER_ASSIGNMENTS), users.dropped)


def leave_one_out_similarity(similarity: Vectors, labels: Labels, n_clusters: int) -> Float64Array:
    """Return the cosine similarity of each user to the mean of the other users of its cluster.

    A centre is the mean of vectors that include the user's own, so that users of the fit are nearer to it than later
    users are, the more so the smaller the cluster. Without the own vector both are comparable. With S the sum of the
    unit vectors of a cluster, the cosine s to its direction gives `(|S| s - 1) / sqrt(|S|^2 - 2 |S| s + 1)`, and |S| is
    the sum of the cosines.

    Args:
        similarity: `(n_users,)`, cosine of each user to the centre of its cluster.
        labels: `(n_users,)`, the clusters.
        n_clusters: Number of clusters.

    Returns:
        `(n_users,)`; NaN for the only user of a cluster.
    """
    own = similarity.astype(np.float64)
    length = np.bincount(labels, own, minlength=n_clusters)[labels]
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (length * own - 1) / np.sqrt(np.maximum(length**2 - 2 * length * own + 1, 0))
    return np.where(np.bincount(labels, minlength=n_clusters)[labels] > 1, np.clip(others, -1, 1), np.nan)


def similarity_statistics(earlier: EarlierClusters, summarise: Callable[[Float64Array], float]) -> Float64Array:
    """Return a statistic of the similarities within each cluster, `(k,)`.

    A cluster of one user has no similarity of its own: it gets the statistic of all users.
    """
    known = ~np.isnan(earlier.similarity)
    groups = [earlier.similarity[known & (earlier.labels == cluster)] for cluster in range(len(earlier.centres))]
    everyone = earlier.similarity[known] if known.any() else np.array([-1.0])
    return np.array([summarise(group if len(group) else everyone) for group in groups])


def outlier_limits(earlier: EarlierClusters) -> Float64Array:
    """Return, for each cluster, the cosine similarity below which a user is an outlier: `(k,)`.

    It is the r-th lowest of the similarities of the cluster's own users, r as `outlier_ranks` gives it.
    """
    return similarity_statistics(earlier, lambda group: float(np.sort(group)[int(_rank(len(group))) - 1]))


def outlier_ranks(users: Int64Array) -> Int64Array:
    """Return, for each cluster, the rank of its outlier limit among its users' similarities, from the lowest: `(k,)`.

    A later user of the same population is below the r-th lowest of n with probability r / (n + 1) (as in conformal
    prediction, Vovk 2005). So r is the largest with at most `OUTLIER_QUANTILE`, and 1 in clusters of fewer than 19
    users, of whom a larger share is therefore marked.
    """
    return np.array([_rank(int(size)) for size in users])


def _rank(users: int) -> int:
    return max(1, int(OUTLIER_QUANTILE * (users + 1)))


def _require_same_model(embeddings: pads.Dataset, earlier: EarlierClusters) -> None:
    """Refuse centres in another space: of another model, where both files name one, or of another width."""
    model, width = find_model_name(embeddings), read_common_width(embeddings)
    if None not in {model, earlier.model} and model != earlier.model:
        raise VectorError(
            f"vectors of the window are of model {model}, and clusters of {earlier.day} of {earlier.model}: their "
            "cosines mean nothing. Set PERSONA_ASSIGN_TO to a day of the same model, or make clusters of this day"
        )
    if width != earlier.centres.shape[1]:
        raise VectorError(
            f"vectors of the window have {width} dimensions, and centres of {earlier.day} {earlier.centres.shape[1]}: "
            "set PERSONA_ASSIGN_TO to a day of the same PERSONA_MODEL"
        )
