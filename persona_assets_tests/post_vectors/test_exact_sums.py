"""Exact sums of vectors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.post_vectors.exact_sums import UNITS_PER_ONE, add_by_row, to_unit_vectors


@given(st.integers(0, 100), st.integers(1, 199), st.sampled_from([np.float16, np.float32, np.float64]))
def test_sums_are_the_same_bit_for_bit_for_any_order_and_any_batches(seed, cut, dtype):
    rng = np.random.default_rng(seed)
    rows, vectors = rng.integers(0, 3, 200), rng.normal(size=(200, 6)).astype(dtype)
    order = rng.permutation(200)
    one, other = np.zeros((4, 6)), np.zeros((4, 6))

    add_by_row(one, rows, vectors)
    for part in (order[:cut], order[cut:]):
        add_by_row(other, rows[part], vectors[part])

    assert one.tobytes() == other.tobytes()
    np.testing.assert_allclose(one[0] / UNITS_PER_ONE, vectors[rows == 0].astype(np.float64).sum(axis=0), atol=1e-7)
    assert not one[3].any()


def test_an_empty_batch_adds_nothing():
    sums = np.zeros((2, 3))

    add_by_row(sums, np.empty(0, np.int64), np.empty((0, 3)))

    assert not sums.any()


def test_rows_are_scaled_to_unit_length_and_zeros_stay():
    assert to_unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
