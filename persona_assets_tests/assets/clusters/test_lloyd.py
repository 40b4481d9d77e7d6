"""Lloyd iterations: the mean similarity never decreases, and they converge."""

import numpy as np
import pytest

from persona_assets.assets.clusters.lloyd import MAX_ITERATIONS, ClusterSpec, lloyd_iterations
from persona_assets_tests.assets.clusters.builders import planted


def test_more_iterations_are_never_worse():
    vectors, _ = planted([80, 60, 40], width=16, noise=0.5)

    means = [
        lloyd_iterations(vectors, vectors[:5], ClusterSpec(5, 1), max_iterations=iterations).mean_similarity()
        for iterations in range(1, 12)
    ]

    assert means == sorted(means)
    assert (
        lloyd_iterations(vectors, vectors[:5], ClusterSpec(5, 1), max_iterations=MAX_ITERATIONS).mean_similarity()
        >= means[-1]
    )


@pytest.mark.parametrize(("policy", "clusters"), [("fill", 4), ("dissolve", 3)])
def test_every_iteration_enforces_the_minimum_size(policy, clusters):
    vectors, groups = planted([40, 30, 20], width=16)
    centres = np.stack([vectors[groups == group][0] for group in (0, 1, 2, 2)])

    fit = lloyd_iterations(vectors, centres, ClusterSpec(4, 12, policy), max_iterations=MAX_ITERATIONS)

    assert len(fit.centres) == clusters
    assert np.bincount(fit.labels).min() >= 12
