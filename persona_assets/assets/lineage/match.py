"""Match the clusters of two days by the users they share and by their centres."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from persona_assets.assets.lineage.read_days import ClustersOfDay

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Two clusters are linked if they share more than this share of the users of one of them who can be expected on both
# days.
MIN_SHARE = 0.5
# With fewer users expected on both days, shares are noise: the cluster is then linked to the nearest centre, if the
# cosine is at least MIN_COSINE. To choose it, the users of a planted capture were clustered in two halves: the centres
# of the same persona had a median cosine of 0.94, and those of different personas at most 0.82.
MIN_EXPECTED_USERS = 5
MIN_COSINE = 0.9
# Weight of the cosine of centres relative to the overlap of users: it decides between equal overlaps.
CENTRE_WEIGHT = 0.1


class Matches(NamedTuple):
    """How the clusters of two days match: pairs of the same persona, linked pairs, and users shared by each pair.

    Matrices have a row per earlier cluster and a column per later one, `(k_before, k_after)`.
    """

    continues: IntArray  # (k_after,), the earlier cluster that the later one continues, or -1
    links_forward: BoolArray  # the earlier cluster is linked to the later one: most of its users are in it
    links_back: BoolArray  # the later cluster is linked to the earlier one: most of its users were in it
    shared: IntArray  # number of users in both
    overlap_of_expected: (
        FloatArray  # 0 to 1: shared users as a share of the users of either that can be expected on both days
    )
    centre_similarity: FloatArray  # cosine; nan if the vectors of the days are of different models


def match_clusters(before: ClustersOfDay, after: ClustersOfDay) -> Matches:
    """Match the clusters of two days one to one, so that the sum of the overlaps of matched pairs is maximal.

    Users come and go. Shares are therefore relative to the number of users that a cluster of that size has on both
    days: a cluster of new users is not linked to the earlier cluster of a handful of its users. Linked clusters, in
    either direction, can be the same persona. The assignment is one to one (Hungarian method: Kuhn, 1955).

    Args:
        before: The earlier day.
        after: The later day.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - 0.2 s, and definitions must load fast

    shared = _count_shared_users(before, after)
    expected_before = _expect_users(shared.sum(axis=1), _count_users(before))
    expected_after = _expect_users(shared.sum(axis=0), _count_users(after))
    overlap_of_expected = 2 * shared / np.maximum(expected_before[:, None] + expected_after, 1)
    cosine = _compare_centres(before, after)
    links_forward = _link_clusters(shared, expected_before, cosine)
    links_back = _link_clusters(shared.T, expected_after, cosine.T).T
    score = np.where(links_forward | links_back, overlap_of_expected + CENTRE_WEIGHT * (1 + np.nan_to_num(cosine)), 0)
    rows, columns = linear_sum_assignment(score, maximize=True)
    is_match = score[rows, columns] > 0
    continues = np.full(len(expected_after), -1)
    continues[columns[is_match]] = rows[is_match]
    return Matches(continues, links_forward, links_back, shared, overlap_of_expected, cosine)


def _count_users(day: ClustersOfDay) -> IntArray:
    """Return the number of users of each cluster, `(k,)`."""
    return np.bincount(day.clusters, minlength=len(day.centres))


def _count_shared_users(before: ClustersOfDay, after: ClustersOfDay) -> IntArray:
    """Return the number of users in each pair of an earlier and a later cluster, `(k_before, k_after)`."""
    rows = pc.index_in(after.user_ids, value_set=before.user_ids)
    is_in_both = rows.is_valid().to_numpy(zero_copy_only=False)
    clusters_before = before.clusters[rows.drop_null().to_numpy()].astype(np.int64)
    k_before, k_after = len(before.centres), len(after.centres)
    pairs = np.bincount(clusters_before * k_after + after.clusters[is_in_both], minlength=k_before * k_after)
    return pairs.reshape(k_before, k_after)


def _expect_users(on_both_days: IntArray, users: IntArray) -> FloatArray:
    """Return the number of users of each cluster that can be expected on both days.

    That is the number who are on both days, but at least the average for a cluster of that size.
    """
    return np.maximum(on_both_days, users * (on_both_days.sum() / users.sum()))


def _compare_centres(before: ClustersOfDay, after: ClustersOfDay) -> FloatArray:
    """Return the cosines of centres, `(k_before, k_after)`; nan if the vectors of the days are of different models."""
    other_model = None not in (before.model, after.model) and before.model != after.model
    if other_model or before.centres.shape[1] != after.centres.shape[1]:
        return np.full((len(before.centres), len(after.centres)), np.nan)
    return before.centres.astype(np.float64) @ after.centres.T


def _link_clusters(shared: IntArray, expected: FloatArray, cosine: FloatArray) -> BoolArray:
    """Return which cluster of the other day (column) each cluster (row) is linked to, at most one per row.

    Args:
        shared: Number of shared users.
        expected: `(n_rows,)`, number of users expected on both days.
        cosine: Cosine of centres.
    """
    by_users = shared > MIN_SHARE * expected[:, None]
    cosine = np.nan_to_num(cosine, nan=-1)
    is_nearest = np.arange(shared.shape[1]) == cosine.argmax(axis=1)[:, None]
    by_centre = (cosine >= MIN_COSINE) & is_nearest
    return np.where(expected[:, None] < MIN_EXPECTED_USERS, by_centre, by_users)
