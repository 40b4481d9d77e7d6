"""Bootstrap intervals cover the true value as often as they say."""

import math

import numpy as np

from persona_assets.evaluation.bootstrap import estimate_with_interval


def mean(values, weights):
    return float(np.average(values, weights=weights))


def one(_):
    return 1.0


def test_the_interval_covers_the_mean_in_about_95_of_100_cases():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = rng.normal(1, 1, 60)
        found = estimate_with_interval(
            lambda weights, values=values: float(np.average(values, weights=weights)), 60, samples=200, seed=1
        )
        covered += found.low <= 1 <= found.high

    assert 0.88 <= covered / 200 <= 0.99


def test_no_rows_and_no_samples_have_no_interval():
    assert all(map(math.isnan, estimate_with_interval(one, 0, samples=5, seed=0)))
    value, low, high = estimate_with_interval(one, 3, samples=0, seed=0)
    assert (value, math.isnan(low), math.isnan(high)) == (1.0, True, True)


def test_samples_for_which_the_score_is_not_defined_are_left_out():
    found = estimate_with_interval(lambda weights: math.nan if weights[0] == 0 else 2.0, 4, samples=50, seed=0)

    assert found == (2.0, 2.0, 2.0)
