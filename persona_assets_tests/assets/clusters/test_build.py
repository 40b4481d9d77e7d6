"""The tables of the asset, from posts to clusters."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from persona_assets import tables
from persona_assets.assets.clusters.build import CERTAINTY, find_personas
from persona_assets.assets.clusters.build import ClusteringOptions as Options
from persona_assets.errors import TooFewUsersError, VectorError
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, planted, users_of


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

    personas = find_personas(dataset(embeddings), dataset(users), Options(n_clusters=(2,), min_cluster_size=10, seed=0))

    assert personas.clusters["user_id"].to_pylist() == users["user_id"].to_pylist()
    assert personas.clusters.schema.equals(tables.CLUSTERS)
    assert personas.centres.schema.equals(tables.centres_schema(16))
    assert personas.centres["users"].to_pylist() == [30, 20]
    assert personas.certainty.schema.equals(CERTAINTY)
    assert personas.certainty["user_id"] == personas.clusters["user_id"]


def test_centres_are_of_the_model_of_their_vectors():
    embeddings, users, _ = window([30, 20])
    embeddings = embeddings.cast(tables.with_vector_model(embeddings.schema, "one"))

    personas = find_personas(dataset(embeddings), dataset(users), Options((2,), 10, 0))

    assert tables.vector_model(personas.centres.schema) == "one"


@settings(max_examples=8)
@given(st.integers(0, 1000), st.booleans())
def test_the_order_of_posts_and_users_does_not_change_a_table(seed, sharpen):
    embeddings, users, _ = window([30, 20, 15])
    wanted = Options(n_clusters=(2, 3), min_cluster_size=10, seed=0, sharpen=sharpen)
    rng = np.random.default_rng(seed)

    one = find_personas(dataset(embeddings), dataset(users), wanted)
    other = find_personas(
        dataset(embeddings.take(rng.permutation(len(embeddings))), batch_rows=17),
        dataset(users.take(rng.permutation(len(users)))),
        wanted,
    )

    assert one.clusters == other.clusters
    assert one.centres == other.centres
    assert one.certainty == other.certainty


def test_levels_nest_and_end_with_the_users_cluster():
    embeddings, users, _ = window([30, 20, 15, 15, 12])

    personas = find_personas(dataset(embeddings), dataset(users), Options((2, 3, 5), 10, 0))

    levels = np.array(personas.certainty["levels"].to_pylist())
    assert levels.max(axis=0).tolist() == [1, 2, 4]
    assert levels[:, 2].tolist() == personas.clusters["cluster_id"].to_pylist()
    for finer, coarser in ((2, 1), (1, 0)):
        pairs = set(zip(levels[:, finer], levels[:, coarser], strict=True))
        assert len(pairs) == len({cluster for cluster, _ in pairs})


def test_the_next_cluster_is_another_one_and_further_away():
    embeddings, users, _ = window([30, 20, 15])

    personas = find_personas(dataset(embeddings), dataset(users), Options((3,), 10, 0))

    own, following = personas.clusters, personas.certainty
    assert (own["cluster_id"].to_numpy() != following["next_cluster_id"].to_numpy()).all()
    assert (own["similarity"].to_numpy() >= following["next_similarity"].to_numpy()).all()
    assert personas.stability > 0.9


def test_a_single_cluster_has_neither_next_nor_stability():
    embeddings, users, _ = window([20])

    personas = find_personas(dataset(embeddings), dataset(users), Options((1,), 10, 0))

    assert personas.certainty["next_cluster_id"].null_count == 20
    assert personas.stability is None


def test_sharpened_clusters_keep_centres_in_the_space_of_the_posts():
    embeddings, users, groups = window([30, 20, 15])

    personas = find_personas(dataset(embeddings), dataset(users), Options((3,), 10, 0, sharpen=True))

    assert personas.centres.schema.equals(tables.centres_schema(16))
    assert adjusted_rand_score(groups, personas.clusters["cluster_id"]) == 1


def test_the_number_is_chosen_when_none_is_given():
    embeddings, users, _ = window([30, 30, 30])

    personas = find_personas(dataset(embeddings), dataset(users), Options((), 10, 0))

    assert personas.centres.num_rows == 3
    assert [candidate.n_clusters for candidate in personas.curve] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_too_few_users_are_refused_before_a_vector_is_read():
    _, users, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        find_personas(None, dataset(users), Options(n_clusters=(1,), min_cluster_size=10, seed=0))


def test_too_few_users_with_vectors_are_refused_too():
    embeddings, _, _ = window([5])

    with pytest.raises(TooFewUsersError, match="the window has 5"):
        find_personas(
            dataset(embeddings),
            dataset(users_of([f"did:plc:{n:04d}" for n in range(50)])),
            Options((1,), 10, 0),
        )


@pytest.mark.parametrize("sharpen", [False, True])
@pytest.mark.parametrize("numbers", [(1,), (4,), (2, 4), ()], ids=str)
def test_users_who_are_all_equal_are_spread_over_clusters_all_the_same(numbers, sharpen):
    users = [f"did:plc:{number:04d}" for number in range(40)]
    embeddings = embeddings_of([(user, [1, 2, 3]) for user in users for _ in range(2)])

    personas = find_personas(dataset(embeddings), dataset(users_of(users)), Options(numbers, 10, 0, sharpen=sharpen))

    assert personas.centres.num_rows == max(numbers, default=2)
    assert min(personas.centres["users"].to_pylist()) >= 10
    assert not np.isnan(personas.clusters["similarity"].to_numpy()).any()
    assert not np.isnan(personas.certainty["silhouette"].to_numpy()).any()


def test_one_user_is_one_persona():
    embeddings, users = embeddings_of([("a", [1, 2]), ("a", [2, 1])]), users_of(["a"])

    personas = find_personas(dataset(embeddings), dataset(users), Options((1,), 1, 0))

    assert personas.clusters["cluster_id"].to_pylist() == [0]
    assert personas.stability is None


def test_clusters_of_which_no_stability_can_be_measured_are_made_all_the_same():
    embeddings, users, _ = window([438], posts=1)

    personas = find_personas(dataset(embeddings), dataset(users), Options((250,), 1, 0))

    assert personas.centres.num_rows == 250
    assert personas.stability is None


EQUAL, TWO_KINDS, OPPOSITE = [[1, 2, 3]], [[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [-1, 0, 0]]


@pytest.mark.parametrize("kinds", [EQUAL, TWO_KINDS, OPPOSITE], ids=["equal", "of two kinds", "opposite"])
@pytest.mark.parametrize("policy", ["fill", "dissolve"])
@pytest.mark.parametrize(
    ("users", "numbers"), [(1, (1,)), (2, ()), (2, (2,)), (2, (1, 2)), (3, (1, 2)), (3, (1, 2, 3)), (5, ()), (5, (4,))]
)
def test_whatever_the_users_allow_is_made_of_a_few_users_and_nothing_is_not_a_number(users, numbers, policy, kinds):
    ids = [f"did:plc:{number}" for number in range(users)]
    embeddings = embeddings_of([(user, kinds[number % len(kinds)]) for number, user in enumerate(ids)])

    personas = find_personas(dataset(embeddings), dataset(users_of(ids)), Options(numbers, 1, 0, policy))

    assert sum(personas.centres["users"].to_pylist()) == users
    assert not np.isnan(personas.certainty["silhouette"].to_numpy()).any()
    assert not np.isnan(personas.clusters["similarity"].to_numpy()).any()


@pytest.mark.parametrize("numbers", [(1,), ()], ids=str)
def test_no_user_at_all_is_an_error_that_says_what_to_do(numbers):
    with pytest.raises(TooFewUsersError, match="the window has 0: .*PERSONA_MIN_CLUSTER_SIZE"):
        find_personas(None, dataset(users_of([])), Options(numbers, 1, 0))


def test_more_clusters_than_users_of_the_least_size_are_refused_and_say_how_many_are_possible():
    embeddings, users, _ = window([30, 20])

    with pytest.raises(TooFewUsersError, match="at most 5"):
        find_personas(dataset(embeddings), dataset(users), Options((2, 6), 10, 0))


def test_a_vector_that_is_not_a_number_is_refused():
    table = embeddings_of([("a", [1, 0]), ("b", [0, 1])])
    kind = table.schema.field("vector").type
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([1, 0, float("nan"), 0], kind.value_type), type=kind)
    table = table.set_column(2, table.schema.field("vector"), vectors)

    with pytest.raises(VectorError, match="1 of 2 vectors"):
        find_personas(dataset(table), dataset(users_of(["a", "b"])), Options((1,), 1, 0))
