"""Measure how far the users of a window differ from those from whom the clusters of an earlier day were made."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.user_assignments.nearest_personas import (
    EarlierClusters,
    outlier_ranks,
    similarity_statistics,
)
from persona_assets.post_vectors.assign import Float64Array, Int64Array

# Share of outliers that advises a new fit, as a multiple of the share that is expected without drift.
MAX_OUTLIER_RATIO = 2
# Fall of the mean similarity, in standard deviations within a cluster, that advises a new fit: a medium effect
# (Cohen 1988).
MAX_SIMILARITY_FALL = 0.5
# Population stability index above which scorecards are usually fitted again (Siddiqi 2006).
MAX_POPULATION_SHIFT = 0.25
# Standard normal quantile of 0.95. Limits are raised by this many standard errors, which come from the numbers of
# users now and in the fit, so that few users do not fail them by chance.
_Z_95 = 1.645


class Drift(NamedTuple):
    """How far users of a window differ from those of the earlier clustering: each measure with its limit."""

    users: int
    new_users: int  # users who were not in the fit
    outlier_share: float
    outlier_limit: float
    new_outlier_share: float | None  # of the new users; None without any
    mean_similarity: float
    fit_similarity: float  # mean similarity of the users of the fit, each without its own vector
    similarity_fall: float  # mean fall below the own cluster's mean, in standard deviations of that cluster
    fall_limit: float
    population_shift: float  # PSI over clusters
    shift_limit: float
    by_cluster: list[dict[str, float | int | None]]  # a row for each cluster, by cluster_id


def measure_drift(assigned: pa.Table, earlier: EarlierClusters) -> Drift | None:
    """Measure how far assigned users differ from those who were clustered; None if no user was assigned.

    Args:
        assigned: `USER_ASSIGNMENTS`.
        earlier: The clusters that users were assigned to.
    """
    n_users = len(assigned)
    if not n_users:
        return None
    labels, similarity = assigned["cluster_id"].to_numpy(), assigned["similarity"].to_numpy().astype(np.float64)
    outlier = assigned["outlier"].to_numpy()
    is_new = ~pc.is_in(assigned["user_id"], value_set=earlier.user_ids).to_numpy()
    counts = np.bincount(labels, minlength=len(earlier.users))
    means = similarity_statistics(earlier, lambda group: float(group.mean()))
    # Users with equal vectors have no spread; a thousandth of cosine is then one deviation.
    deviations = np.maximum(similarity_statistics(earlier, lambda group: float(group.std())), 1e-3)
    weights = counts / n_users
    fall = (means[labels] - similarity) / deviations[labels]
    shifts = population_shifts(counts, earlier.users)
    outliers = np.bincount(labels, outlier, minlength=len(counts))
    sums = np.bincount(labels, similarity, minlength=len(counts))
    return Drift(
        users=n_users,
        new_users=int(is_new.sum()),
        outlier_share=float(outlier.mean()),
        outlier_limit=outlier_share_limit(counts, earlier.users),
        new_outlier_share=float(outlier[is_new].mean()) if is_new.any() else None,
        mean_similarity=float(similarity.mean()),
        fit_similarity=float((means * earlier.users).sum() / earlier.users.sum()),
        similarity_fall=float(fall.mean()),
        fall_limit=MAX_SIMILARITY_FALL + _Z_95 * float(1 / n_users + (weights**2 / earlier.users).sum()) ** 0.5,
        population_shift=float(shifts.sum()),
        shift_limit=population_shift_limit(counts, earlier.users),
        by_cluster=[
            {
                "cluster": cluster,
                "persona": earlier.persona_ids[cluster],
                "users": int(count),
                "share": count / n_users,
                "share_in_fit": earlier.users[cluster] / earlier.users.sum(),
                "psi": float(shifts[cluster]),
                "outliers": outliers[cluster] / count if count else None,
                "similarity": sums[cluster] / count if count else None,
                "in_fit": float(means[cluster]),
            }
            for cluster, count in enumerate(counts.tolist())
        ],
    )


def outlier_share_limit(counts: Int64Array, fit_counts: Int64Array) -> float:
    """Return the share of outliers above which a new clustering is advised.

    In a cluster of n users of the fit, the share of later users below the r-th lowest similarity is a random number
    with the distribution Beta(r, n + 1 - r), whose mean is expected without drift.

    Args:
        counts: `(k,)`, number of users now.
        fit_counts: `(k,)`, number of users in the fit.
    """
    weights, ranks = counts / counts.sum(), outlier_ranks(fit_counts)
    shares = ranks / (fit_counts + 1)
    expected = float((weights * shares).sum())
    of_fit = (weights**2 * shares * (1 - shares) / (fit_counts + 2)).sum()
    error = float(expected * (1 - expected) / counts.sum() + of_fit) ** 0.5
    return MAX_OUTLIER_RATIO * expected + _Z_95 * error


def population_shifts(counts: Int64Array, fit_counts: Int64Array) -> Float64Array:
    """Return each cluster's term of the population stability index (PSI): `(k,)`, at least 0.

    The term is `(p - q) * ln(p / q)`, where p and q are the cluster's shares of users now and in the fit. Half a user
    is added to each count, so that an empty cluster has a finite term.
    """
    now, before = counts + 0.5, fit_counts + 0.5
    p, q = now / now.sum(), before / before.sum()
    return (p - q) * np.log(p / q)


def population_shift_limit(counts: Int64Array, fit_counts: Int64Array) -> float:
    """Return the limit of the population stability index: the usual one, or what chance exceeds in 5 % of cases.

    Between samples of the same population of n and m users, the index is about chi-squared with k - 1 degrees of
    freedom, times 1/n + 1/m (Yurdakul 2018).
    """
    from scipy.stats import chi2  # noqa: PLC0415 - 0.3 s, and definitions must load fast

    if len(counts) == 1:
        return MAX_POPULATION_SHIFT
    chance = chi2.ppf(0.95, len(counts) - 1) * (1 / counts.sum() + 1 / fit_counts.sum())
    return max(MAX_POPULATION_SHIFT, float(chance))
