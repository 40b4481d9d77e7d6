"""Mark the users of each cluster that are far from its centre, by the cluster's own distribution."""

import numpy as np
import numpy.typing as npt

from persona_assets.common.pictures import Ints

# Below the lower quartile by more than this many interquartile ranges (Tukey, 1977). A cluster of few users has no
# quartiles worth the name.
FENCE, MIN_USERS = 1.5, 8


def mark_outliers(similarity: npt.NDArray[np.floating], clusters: Ints) -> npt.NDArray[np.bool_]:
    """Return whether each user's cosine similarity to its centre is an outlier among the users of its cluster: `(n,)`.

    Args:
        similarity: `(n_users,)`, cosine of each user's vector and the centre of its cluster.
        clusters: int64 `(n_users,)`, the cluster of each user.
    """
    marked = np.zeros(len(clusters), bool)
    order = np.argsort(clusters, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        if len(rows) >= MIN_USERS:
            lower, upper = np.quantile(similarity[rows].astype(np.float64), (0.25, 0.75))
            marked[rows] = similarity[rows] < lower - FENCE * (upper - lower)
    return marked
