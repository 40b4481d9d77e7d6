"""Users are assigned to the nearest centre of an earlier day, and outliers marked by each cluster's own users."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import adjusted_rand_score

from persona_assets import tables
from persona_assets.assets.user_assignments.nearest_personas import (
    assign_users,
    leave_one_out_similarity,
    outlier_limits,
    outlier_ranks,
)
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.consent.left_out import NOTHING_LEFT_OUT
from persona_assets.consent.policy import LEFT_OUT
from persona_assets.errors import VectorError
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, users_of
from persona_assets_tests.assets.user_assignments.builders import (
    FIT_DAY,
    SIZES,
    draw_users,
    earlier_of,
    fit,
    lineage_of,
    posts_of,
    vectors_of_fit,
)


@pytest.fixture(scope="module")
def clustering():
    return fit()


@pytest.fixture
def earlier(clustering, tmp_path):
    return earlier_of(clustering, tmp_path, lineage=lineage_of([7, 3, 5]))


def test_new_users_are_assigned_to_the_group_that_they_were_drawn_from(earlier):
    ids, vectors, groups = draw_users(SIZES, seed=11)

    assigned = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier).table

    assert assigned["user_id"].to_pylist() == ids
    assert adjusted_rand_score(groups, assigned["cluster_id"].to_numpy()) == 1
    similarity = vectors @ earlier.centres.T
    np.testing.assert_allclose(assigned["similarity"].to_numpy(), similarity.max(axis=1), atol=1e-6)
    top_two = np.sort(similarity, axis=1)[:, -2:]
    np.testing.assert_allclose(assigned["margin"].to_numpy(), top_two[:, 1] - top_two[:, 0], atol=1e-6)
    assert set(assigned["assigned_day"].to_pylist()) == {FIT_DAY}


def test_the_users_of_the_fit_are_in_their_own_clusters_again(clustering, earlier):
    ids, vectors = vectors_of_fit()

    assigned = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier).table

    assert assigned["cluster_id"].equals(clustering.clusters["cluster_id"])
    np.testing.assert_allclose(assigned["similarity"], clustering.clusters["similarity"], atol=1e-6)
    # At most 5 % of each cluster: its centre has their own vectors in it, and the limits are those without.
    assert (np.bincount(assigned["cluster_id"], assigned["outlier"].to_numpy()) <= [3, 2, 1]).all()


def test_posts_are_counted_and_users_without_a_vector_are_dropped(earlier):
    ids, vectors, _ = draw_users((1, 1, 1), seed=5)
    posts = posts_of([*ids, ids[0], ids[0]], np.concatenate([vectors, vectors[:1], vectors[:1]]))

    assigned = assign_users(posts, dataset(users_of([*ids, "silent"])), earlier)

    assert assigned.table["posts"].to_pylist() == [3, 1, 1]
    assert assigned.dropped == {"no vector in the window": 1, "vectors cancel out": 0}


def test_a_user_who_is_unlike_all_personas_is_an_outlier(earlier):
    away = np.linalg.svd(earlier.centres)[2][-1]  # orthogonal to all centres

    assigned = assign_users(posts_of(["u"], [away]), dataset(users_of(["u"])), earlier).table

    assert assigned["outlier"].to_pylist() == [True]


def test_the_limit_of_outliers_is_that_of_each_clusters_own_users(earlier):
    limits = outlier_limits(earlier)

    assert [(earlier.similarity[earlier.labels == c] < limits[c]).sum() for c in range(3)] == [2, 1, 0]
    assert len(set(limits)) == 3


def test_later_users_of_the_same_population_are_below_the_limit_as_often_as_they_should_be():
    rng = np.random.default_rng(0)
    sizes = np.array([5, 10, 19, 40, 100])
    below = np.zeros(len(sizes))
    for _ in range(4000):
        for at, (size, rank) in enumerate(zip(sizes, outlier_ranks(sizes), strict=True)):
            below[at] += rng.random() < np.sort(rng.random(size))[rank - 1]

    np.testing.assert_allclose(below / 4000, [1 / 6, 1 / 11, 1 / 20, 2 / 41, 5 / 101], atol=0.015)


def test_similarities_of_the_fit_are_those_to_the_mean_of_the_others(earlier):
    (_, vectors), labels = vectors_of_fit(), earlier.labels

    def to_others(user):
        others = (labels == labels[user]) & (np.arange(len(labels)) != user)
        mean = vectors[others].astype(np.float64).mean(axis=0)
        return vectors[user] @ mean / np.linalg.norm(mean)

    np.testing.assert_allclose(earlier.similarity, [to_others(user) for user in range(len(labels))], atol=1e-5)


def test_the_only_user_of_a_cluster_has_no_similarity_to_others():
    found = leave_one_out_similarity(np.array([0.9, 0.9, 1.0], np.float32), np.array([0, 0, 1]), 2)

    assert np.isnan(found).tolist() == [False, False, True]


def test_a_cluster_of_one_user_has_the_limit_of_all_users(earlier):
    alone = np.where(earlier.labels == 2, np.nan, earlier.similarity)
    known = alone[~np.isnan(alone)]

    assert outlier_limits(earlier._replace(similarity=alone))[2] == np.sort(known)[4]
    assert outlier_limits(earlier._replace(similarity=np.full(len(alone), np.nan))).tolist() == [-1, -1, -1]


def test_personas_come_from_lineage_where_it_knows_the_same_clusters(clustering, tmp_path):
    ids, vectors, _ = draw_users((1, 1, 1), seed=5)

    def personas(lineage):
        earlier = earlier_of(clustering, tmp_path, lineage=lineage)
        table = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier).table
        return dict(zip(table["cluster_id"].to_pylist(), table["persona_id"].to_pylist(), strict=True))

    assert personas(lineage_of([7, 3, 5])) == {0: 7, 1: 3, 2: 5}
    assert personas(None) == dict.fromkeys(range(3))
    assert personas(dataset(tables.LINEAGE.empty_table())) == dict.fromkeys(range(3))
    # Clusters were made again since: their sizes differ.
    assert personas(lineage_of([7, 3, 5], sizes=(61, 39, 20))) == dict.fromkeys(range(3))


def test_a_single_cluster_has_no_margin(tmp_path):
    whole = fit()
    one = whole._replace(
        centres=whole.centres.slice(0, 1),
        clusters=whole.clusters.filter(pc.equal(whole.clusters["cluster_id"], 0)),
    )
    earlier = earlier_of(one, tmp_path)
    ids, vectors, _ = draw_users((3,), seed=1)

    assigned = assign_users(posts_of(ids, vectors), dataset(users_of(ids)), earlier).table

    assert assigned["margin"].to_pylist() == [None] * 3


def test_no_users_give_an_empty_table(earlier):
    ids, vectors, _ = draw_users((1,), seed=1)

    assert len(assign_users(posts_of(ids, vectors), dataset(users_of(["silent"])), earlier).table) == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_the_result_does_not_depend_on_the_order_of_posts_and_batches(earlier, seed):
    ids, vectors, _ = draw_users(SIZES, seed=2)
    posts = embeddings_of(list(zip([*ids, *ids], np.concatenate([vectors, vectors[::-1]]), strict=True)))
    shuffled = posts.take(np.random.default_rng(seed).permutation(len(posts)))

    one = assign_users(dataset(posts), dataset(users_of(ids)), earlier).table
    other = assign_users(dataset(shuffled, batch_rows=7), dataset(users_of(ids[::-1])), earlier).table

    assert one.equals(other)


@pytest.mark.parametrize(
    ("model", "width", "message"),
    [("another", 16, "cosines mean nothing"), (None, 8, "vectors of the window have 8 dimensions")],
)
def test_centres_of_another_model_are_refused(clustering, tmp_path, model, width, message):
    earlier = earlier_of(clustering, tmp_path, model="one")
    table = embeddings_of([("u", np.eye(width)[0])])
    posts = dataset(table.replace_schema_metadata(tables.add_vector_model(table.schema, model).metadata))

    with pytest.raises(VectorError, match=message):
        assign_users(posts, dataset(users_of(["u"])), earlier)


def test_clusters_of_whitened_vectors_are_refused(clustering, tmp_path):
    made = build_provenance("clusters", days=[f"{FIT_DAY}"], settings={"whiten_users": True})
    whitened = clustering._replace(centres=with_provenance(clustering.centres, made))

    with pytest.raises(VectorError, match="PERSONA_WHITEN_USERS"):
        earlier_of(whitened, tmp_path)


def test_accounts_that_refuse_are_not_assigned_and_counted(earlier):
    ids, vectors, _ = draw_users((1, 1, 1), seed=5)
    refusing = pa.Table.from_pylist([{"user_id": ids[1], "reason": "refuses embedding"}], schema=LEFT_OUT)

    assigned = assign_users(
        posts_of(ids, vectors),
        dataset(users_of(ids)),
        earlier,
        left_out=NOTHING_LEFT_OUT._replace(users=refusing),
    )

    assert assigned.table["user_id"].to_pylist() == [ids[0], ids[2]]
    assert assigned.dropped["refuses embedding"] == 1
