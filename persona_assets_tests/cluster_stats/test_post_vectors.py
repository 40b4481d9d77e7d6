"""Reading post vectors by batch."""

import numpy as np
import pyarrow as pa

from persona_assets.cluster_stats.post_vectors import add_by_row, directions, read_post_vectors
from persona_assets_tests.cluster_stats.builders import dataset, shuffled, vectors_of


def test_only_posts_of_known_users_are_read_with_their_row():
    table = vectors_of(["1", "2", "3"], ["a", "x", "b"], [[1, 0], [0, 1], [0, 1]])

    (posts,) = read_post_vectors(dataset(table.cast(table.schema)), {"a": 5, "b": 0})

    assert posts.rows.tolist() == [5, 0]
    assert posts.uris == pa.array(["1", "3"])
    assert posts.vectors.tolist() == [[1, 0], [0, 1]]


def test_sums_do_not_depend_on_the_order_of_posts():
    rng = np.random.default_rng(0)
    table = vectors_of([str(n) for n in range(200)], ["a"] * 200, rng.normal(size=(200, 6)))
    sums = []
    for seed in (0, 1):
        total = np.zeros((1, 6))
        for posts in read_post_vectors(dataset(shuffled(table, seed)), {"a": 0}):
            add_by_row(total, posts.rows, posts.vectors)
        sums.append(total.tobytes())

    assert sums[0] == sums[1]


def test_a_direction_has_length_one_and_none_where_there_is_no_sum():
    assert directions(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]
