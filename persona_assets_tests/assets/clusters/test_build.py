"""The tables of the asset `clusters`, computed from post vectors."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from persona_assets import tables
from persona_assets.assets.clusters.build import CERTAINTY, cluster_users
from persona_assets.assets.clusters.build import ClusteringOptions as Options
from persona_assets.errors import TooFewUsersError, VectorError
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, planted, users_of


def window(sizes, *, posts=3):
    """`embeddings` and `english_users` of users in planted groups of these sizes, and the group of each user."""
    vectors, groups = planted(sizes)
    users = [f"did:plc:{number:04d}" for number in range(len(vectors))]
    rng = np.random.default_rng(0)
    written = [
        (user, vector + 0.05 * rng.normal(size=len(vector)))
        for user, vector in zip(users, vectors, strict=True)
        for _ in range(posts)
    ]
    return embeddings_of(written), users_of(users), groups


def test_every_user_with_a_vector_has_one_row_sorted_by_id_and_side_tables_match():
    embeddings, users, _ = window([30, 20])

    clustering = cluster_users(
        dataset(embeddings), dataset(users), Options(n_clusters=(2,), min_cluster_size=10, seed=0)
    )

    assert clustering.clusters["user_id"].to_pylist() == users["user_id"].to_pylist()
    assert clustering.clusters.schema.equals(tables.CLUSTERS)
    assert clustering.centres.schema.equals(tables.centres_schema(16))
    assert clustering.centres["users"].to_pylist() == [30, 20]
    assert clustering.certainty.schema.equals(CERTAINTY)
    assert clustering.certainty["user_id"] == clustering.clusters["user_id"]


def test_the_centres_table_names_the_model_of_the_vectors():
    embeddings, users, _ = window([30, 20])
    embeddings = embeddings.cast(tables.add_vector_model(embeddings.schema, "one"))

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((2,), 10, 0))

    assert tables.read_vector_model(clustering.centres.schema) == "one"


@settings(max_examples=8)
@given(st.integers(0, 1000), st.booleans())
def test_the_order_of_posts_and_users_does_not_change_a_table(seed, whiten):
    embeddings, users, _ = window([30, 20, 15])
    options = Options(n_clusters=(2, 3), min_cluster_size=10, seed=0, whiten=whiten)
    rng = np.random.default_rng(seed)

    one = cluster_users(dataset(embeddings), dataset(users), options)
    other = cluster_users(
        dataset(embeddings.take(rng.permutation(len(embeddings))), batch_rows=17),
        dataset(users.take(rng.permutation(len(users)))),
        options,
    )

    assert one.clusters == other.clusters
    assert one.centres == other.centres
    assert one.certainty == other.certainty


def test_each_finer_cluster_lies_in_one_coarser_cluster_and_the_last_level_is_the_users_cluster():
    embeddings, users, _ = window([30, 20, 15, 15, 12])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((2, 3, 5), 10, 0))

    levels = np.array(clustering.certainty["levels"].to_pylist())
    assert levels.max(axis=0).tolist() == [1, 2, 4]
    assert levels[:, 2].tolist() == clustering.clusters["cluster_id"].to_pylist()
    for finer, coarser in ((2, 1), (1, 0)):
        pairs = set(zip(levels[:, finer], levels[:, coarser], strict=True))
        assert len(pairs) == len({cluster for cluster, _ in pairs})


def test_the_next_cluster_is_another_one_with_a_lower_similarity():
    embeddings, users, _ = window([30, 20, 15])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((3,), 10, 0))

    own, second = clustering.clusters, clustering.certainty
    assert (own["cluster_id"].to_numpy() != second["next_cluster_id"].to_numpy()).all()
    assert (own["similarity"].to_numpy() >= second["next_similarity"].to_numpy()).all()
    assert clustering.stability > 0.9


def test_a_single_cluster_has_no_next_cluster_and_no_stability():
    embeddings, users, _ = window([20])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((1,), 10, 0))

    assert clustering.certainty["next_cluster_id"].null_count == 20
    assert clustering.stability is None


def test_centres_of_clusters_of_whitened_vectors_are_in_the_space_of_the_posts():
    embeddings, users, groups = window([30, 20, 15])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((3,), 10, 0, whiten=True))

    assert clustering.centres.schema.equals(tables.centres_schema(16))
    assert adjusted_rand_score(groups, clustering.clusters["cluster_id"]) == 1


def test_the_number_of_clusters_is_chosen_if_none_is_given():
    embeddings, users, _ = window([30, 30, 30])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((), 10, 0))

    assert clustering.centres.num_rows == 3
    assert [candidate.n_clusters for candidate in clustering.numbers_tried] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_too_few_users_are_an_error_before_vectors_are_read():
    _, users, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        cluster_users(None, dataset(users), Options(n_clusters=(1,), min_cluster_size=10, seed=0))


def test_too_few_users_with_vectors_are_an_error():
    embeddings, _, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        cluster_users(
            dataset(embeddings),
            dataset(users_of([f"did:plc:{n:04d}" for n in range(50)])),
            Options((1,), 10, 0),
        )


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("numbers", [(1,), (4,), (2, 4), ()], ids=str)
def test_users_with_equal_vectors_are_spread_over_the_clusters(numbers, whiten):
    users = [f"did:plc:{number:04d}" for number in range(40)]
    embeddings = embeddings_of([(user, [1, 2, 3]) for user in users for _ in range(2)])

    clustering = cluster_users(dataset(embeddings), dataset(users_of(users)), Options(numbers, 10, 0, whiten=whiten))

    assert clustering.centres.num_rows == max(numbers, default=2)
    assert min(clustering.centres["users"].to_pylist()) >= 10
    assert not np.isnan(clustering.clusters["similarity"].to_numpy()).any()
    assert not np.isnan(clustering.certainty["silhouette"].to_numpy()).any()


def test_one_user_makes_one_cluster():
    embeddings, users = embeddings_of([("a", [1, 2]), ("a", [2, 1])]), users_of(["a"])

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((1,), 1, 0))

    assert clustering.clusters["cluster_id"].to_pylist() == [0]
    assert clustering.stability is None


def test_clusters_are_made_if_their_stability_is_not_measurable():
    embeddings, users, _ = window([438], posts=1)

    clustering = cluster_users(dataset(embeddings), dataset(users), Options((250,), 1, 0))

    assert clustering.centres.num_rows == 250
    assert clustering.stability is None


EQUAL, TWO_KINDS, OPPOSITE = [[1, 2, 3]], [[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [-1, 0, 0]]


@pytest.mark.parametrize("kinds", [EQUAL, TWO_KINDS, OPPOSITE], ids=["equal", "of two kinds", "opposite"])
@pytest.mark.parametrize("policy", ["fill", "dissolve"])
@pytest.mark.parametrize(
    ("users", "numbers"), [(1, (1,)), (2, ()), (2, (2,)), (2, (1, 2)), (3, (1, 2)), (3, (1, 2, 3)), (5, ()), (5, (4,))]
)
def test_very_few_users_are_clustered_without_nan(users, numbers, policy, kinds):
    ids = [f"did:plc:{number}" for number in range(users)]
    embeddings = embeddings_of([(user, kinds[number % len(kinds)]) for number, user in enumerate(ids)])

    clustering = cluster_users(dataset(embeddings), dataset(users_of(ids)), Options(numbers, 1, 0, policy))

    assert sum(clustering.centres["users"].to_pylist()) == users
    assert not np.isnan(clustering.certainty["silhouette"].to_numpy()).any()
    assert not np.isnan(clustering.clusters["similarity"].to_numpy()).any()


@pytest.mark.parametrize("numbers", [(1,), ()], ids=str)
def test_a_window_without_users_is_an_error_that_says_what_to_do(numbers):
    with pytest.raises(TooFewUsersError, match="the window has 0: .*PERSONA_MIN_CLUSTER_SIZE"):
        cluster_users(None, dataset(users_of([])), Options(numbers, 1, 0))


def test_too_many_clusters_for_the_minimum_size_are_an_error_that_says_how_many_are_possible():
    embeddings, users, _ = window([30, 20])

    with pytest.raises(TooFewUsersError, match="at most 5"):
        cluster_users(dataset(embeddings), dataset(users), Options((2, 6), 10, 0))


def test_a_nan_in_a_vector_is_an_error():
    table = embeddings_of([("a", [1, 0]), ("b", [0, 1])])
    kind = table.schema.field("vector").type
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1, 0, float("nan"), 0], kind.value_type), type=kind)
    table = table.set_column(2, table.schema.field("vector"), vectors)

    with pytest.raises(VectorError, match="1 of 2 vectors"):
        cluster_users(dataset(table), dataset(users_of(["a", "b"])), Options((1,), 1, 0))
