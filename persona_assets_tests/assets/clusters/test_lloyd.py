"""The rounds of k-means: each better than the one before, until they gain nothing."""

import numpy as np
import pytest

from persona_assets.assets.clusters.lloyd import MOST_ROUNDS, ClusterSpec, lloyd_iterations
from persona_assets_tests.assets.clusters.builders import planted


def test_more_rounds_are_never_worse_and_end():
    vectors, _ = planted([80, 60, 40], width=16, noise=0.5)

    means = [
        lloyd_iterations(vectors, vectors[:5], ClusterSpec(5, 1), most_rounds=rounds).mean_similarity()
        for rounds in range(1, 12)
    ]

    assert means == sorted(means)
    assert (
        lloyd_iterations(vectors, vectors[:5], ClusterSpec(5, 1), most_rounds=MOST_ROUNDS).mean_similarity()
        >= means[-1]
    )


@pytest.mark.parametrize(("policy", "clusters"), [("fill", 4), ("dissolve", 3)])
def test_small_clusters_are_mended_in_every_round(policy, clusters):
    vectors, groups = planted([40, 30, 20], width=16)
    centres = np.stack([vectors[groups == group][0] for group in (0, 1, 2, 2)])

    fit = lloyd_iterations(vectors, centres, ClusterSpec(4, 12, policy), most_rounds=MOST_ROUNDS)

    assert len(fit.centres) == clusters
    assert np.bincount(fit.labels).min() >= 12
