"""Find which clusters of one day are which of the next, by the users they share and by their centres."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from persona_assets.assets.lineage.read_days import Day

Counts = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]

# A tie is more than this share of a cluster's users.
MOST = 0.5
# Of fewer users to be expected on both days, shares say nothing, and centres tell: a tie is to the nearest
# one, if it is as near as this cosine. Of two halves of the users of a planted capture, clustered apart, the
# centres of the same persona were at 0.94 in the median and those of others at 0.82 at most.
FEWEST_USERS = 5
NEAR = 0.9
# What the similarity of centres counts against the overlap of users: it decides between equal overlaps.
CENTRE_WEIGHT = 0.1


class Matches(NamedTuple):
    """How the clusters of two days are tied: a row a cluster before, a column a cluster after."""

    continues: Counts  # (k_after,) the cluster before that this one is, -1 for none
    went: Marks  # most of the users of the one before are in the one after
    came: Marks  # most of the users of the one after were in the one before
    shared: Counts  # users in both
    overlap: Shares  # 0 to 1: shared users, as a share of those of either who can be in both
    centre_similarity: Shares  # cosine; nan where the days' centres cannot be compared


def match_clusters(before: Day, after: Day) -> Matches:
    """Return which clusters go on as which, so that all together overlap most.

    Users come and go: a cluster is judged by how many of its users a cluster of its size has on both days, so
    that a cluster of new users is tied to none, even if a handful of it was elsewhere before. Clusters that are
    tied, in either direction, may be the same persona; each is at most one (Hungarian method: Kuhn, 1955).

    Args:
        before: The earlier day.
        after: The later day.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - 0.2 s, and definitions must load fast

    shared = _count_shared(before, after)
    stayed = _expect(shared.sum(axis=1), _sizes(before))
    returned = _expect(shared.sum(axis=0), _sizes(after))
    overlap = 2 * shared / np.maximum(stayed[:, None] + returned, 1)
    cosine = _compare_centres(before, after)
    went = _find_ties(shared, stayed, cosine)
    came = _find_ties(shared.T, returned, cosine.T).T
    score = np.where(went | came, overlap + CENTRE_WEIGHT * (1 + np.nan_to_num(cosine)), 0)
    rows, columns = linear_sum_assignment(score, maximize=True)
    matched = score[rows, columns] > 0
    continues = np.full(len(returned), -1)
    continues[columns[matched]] = rows[matched]
    return Matches(continues, went, came, shared, overlap, cosine)


def _sizes(day: Day) -> Counts:
    return np.bincount(day.clusters, minlength=len(day.centres))


def _count_shared(before: Day, after: Day) -> Counts:
    """Return how many users are in each cluster before and each after, `(k_before, k_after)`."""
    rows = pc.index_in(after.user_ids, value_set=before.user_ids)
    there = rows.is_valid().to_numpy(zero_copy_only=False)
    was = before.clusters[rows.drop_null().to_numpy()].astype(np.int64)
    k_before, k_after = len(before.centres), len(after.centres)
    pairs = np.bincount(was * k_after + after.clusters[there], minlength=k_before * k_after)
    return pairs.reshape(k_before, k_after)


def _expect(on_both_days: Counts, users: Counts) -> Shares:
    """Return how many users of each cluster are on both days, and no fewer than one of its size has."""
    return np.maximum(on_both_days, users * (on_both_days.sum() / users.sum()))


def _compare_centres(before: Day, after: Day) -> Shares:
    """Return the cosines of centres, `(k_before, k_after)`; nan where the days' vectors are of two models."""
    other_model = None not in (before.model, after.model) and before.model != after.model
    if other_model or before.centres.shape[1] != after.centres.shape[1]:
        return np.full((len(before.centres), len(after.centres)), np.nan)
    return before.centres.astype(np.float64) @ after.centres.T


def _find_ties(shared: Counts, expected: Shares, cosine: Shares) -> Marks:
    """Say to which other cluster (column) each cluster (row) is tied, at most one."""
    by_users = shared > MOST * expected[:, None]
    nearest = np.nan_to_num(cosine, nan=-1)
    by_centre = (nearest >= NEAR) & (np.arange(shared.shape[1]) == nearest.argmax(axis=1)[:, None])
    return np.where(expected[:, None] < FEWEST_USERS, by_centre, by_users)
