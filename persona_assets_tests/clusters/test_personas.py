"""The tables of the room, from posts to clusters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.clusters.personas import Wanted, find_personas
from persona_assets.errors import TooFewUsersError
from persona_assets_tests.clusters.builders import dataset, embeddings_of, planted, users_of


def window(sizes, *, posts=3):
    """Posts of planted users, and those users."""
    vectors, groups = planted(sizes)
    users = [f"did:plc:{number:04d}" for number in range(len(vectors))]
    rng = np.random.default_rng(0)
    written = [
        (user, vector + 0.05 * rng.normal(size=len(vector)))
        for user, vector in zip(users, vectors, strict=True)
        for _ in range(posts)
    ]
    return embeddings_of(written), users_of(users), groups


def test_every_user_with_a_vector_is_in_one_row_sorted_and_the_centres_lie_beside():
    embeddings, users, _ = window([30, 20])

    personas = find_personas(dataset(embeddings), dataset(users), Wanted(n_clusters=2, min_cluster_size=10, seed=0))

    assert personas.clusters["user_id"].to_pylist() == users["user_id"].to_pylist()
    assert personas.clusters.schema.equals(tables.CLUSTERS)
    assert personas.centres.schema.equals(tables.centres_schema(16))
    assert personas.centres["users"].to_pylist() == [30, 20]
    assert len(personas.silhouette) == 50


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_the_order_of_posts_and_users_does_not_change_a_table(data):
    embeddings, users, _ = window([30, 20, 15])
    wanted = Wanted(n_clusters=3, min_cluster_size=10, seed=0)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))

    one = find_personas(dataset(embeddings), dataset(users), wanted)
    other = find_personas(
        dataset(embeddings.take(rng.permutation(len(embeddings))), batch_rows=17),
        dataset(users.take(rng.permutation(len(users)))),
        wanted,
    )

    assert one.clusters == other.clusters
    assert one.centres == other.centres


def test_the_number_is_chosen_when_none_is_given():
    embeddings, users, _ = window([30, 30, 30])

    personas = find_personas(dataset(embeddings), dataset(users), Wanted(None, 10, 0))

    assert personas.centres.num_rows == 3
    assert [candidate.n_clusters for candidate in personas.curve] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_too_few_users_are_refused_before_a_vector_is_read():
    _, users, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        find_personas(None, dataset(users), Wanted(n_clusters=1, min_cluster_size=10, seed=0))


def test_too_few_users_with_vectors_are_refused_too():
    embeddings, _, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        find_personas(dataset(embeddings), dataset(users_of([f"did:plc:{n:04d}" for n in range(50)])), Wanted(1, 10, 0))
