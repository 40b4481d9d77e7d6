"""Medoids found in one pass are those of all pairs."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.cluster_stats.medoids import MEDOIDS, SIMILARITIES_KEPT, find_medoids
from persona_assets.post_vectors.exact_sums import add_by_row, to_unit_vectors
from persona_assets.post_vectors.read import PostVectors, read_post_vectors
from persona_assets_tests.assets.cluster_stats.builders import dataset, posts_of, shuffled, vectors_of


def medoids_of(vectors, texts=None, *, order=0):
    """Return the medoids of one cluster whose users wrote one post each."""
    uris = [f"at://{n:03d}" for n in range(len(vectors))]
    table = shuffled(vectors_of(uris, uris, vectors), order)
    rows = dict.fromkeys(uris, 0)
    sums = np.zeros((1, len(vectors[0])))
    for posts in read_post_vectors(dataset(table), rows):
        add_by_row(sums, posts.rows, posts.vectors)
    return find_medoids(
        read_post_vectors(dataset(table), rows),
        dataset(posts_of(uris, uris, texts or uris)),
        clusters=np.zeros(1, np.int64),
        means=to_unit_vectors(sums),
    )[0]


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_the_first_medoid_has_the_minimum_cosine_distance_to_all_posts(seed, posts):
    vectors = np.random.default_rng(seed).normal(size=(posts, 4)) + 1
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance = (1 - unit @ unit.T).sum(axis=1)

    found = medoids_of(vectors)

    assert distance[int(found[0].uri[-3:])] <= distance.min() + 1e-4
    assert len(found) == min(posts, MEDOIDS)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(1, 60))
def test_batches_of_posts_do_not_matter(seed, rows):
    rng = np.random.default_rng(seed)
    vectors = rng.integers(1, 5, (200, 2)).astype(np.float32)  # many of the same similarity
    vectors += rng.choice([0, 0.01], (200, 2)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    uris = pa.array([f"at://{n:03d}" for n in rng.permutation(200)])
    users = rng.integers(0, 6, 200)
    texts = dataset(posts_of(uris.to_pylist(), ["a"] * 200, [f"{n % 50}" for n in range(200)]))
    means = to_unit_vectors(np.array([[1, 2], [2, 1]], np.float64))

    def find(size):
        parts = [slice(at, at + size) for at in range(0, 200, size)]
        batches = (PostVectors(users[part], vectors[part], uris[part]) for part in parts)
        return find_medoids(batches, texts, clusters=np.array([0, 0, 0, 1, 1, 1]), means=means)

    assert find(rows) == find(200)


def test_the_order_of_posts_does_not_matter():
    vectors = np.random.default_rng(0).normal(size=(50, 4)) + 1

    assert medoids_of(vectors, order=1) == medoids_of(vectors, order=2)


def test_a_text_that_was_posted_often_is_one_medoid():
    vectors = [[1, 0]] * 6 + [[1, 0.5], [1, 0.8]]

    found = medoids_of(vectors, ["again"] * 6 + ["second", "third"])

    assert [medoid.text for medoid in found] == ["again", "second", "third"] or len({m.text for m in found}) == 3
    assert found[0].similarity == pytest.approx(max(m.similarity for m in found))


def test_a_text_posted_very_often_does_not_displace_other_posts():
    spam = 3 * SIMILARITIES_KEPT
    vectors = [[1, 0]] * spam + [[1, 0.5], [1, -0.6]]

    found = medoids_of(vectors, ["again"] * spam + ["second", "third"])

    assert found[0].text == "again"
    assert {medoid.text for medoid in found} == {"again", "second", "third"}


def test_typical_posts_after_the_first_are_unlike_those_before():
    near = [[1, 0.01 * n, 0] for n in range(9)]

    found = medoids_of([*near, [1, -0.6, 0.3], [1, 0.4, -0.7]])

    assert found[0].uri < "at://009"
    assert found[1].uri in {"at://009", "at://010"}


def test_different_texts_with_the_same_vector_are_different_medoids():
    assert [medoid.text for medoid in medoids_of([[1, 0]] * 4, list("abcd"))] == ["a", "b", "c"]


def test_a_post_of_two_days_is_one_medoid_with_the_text_of_its_first_delivery():
    vectors = vectors_of(["1", "1", "2"], ["a", "a", "a"], [[1, 0], [1, 0], [1, 0.2]])
    posts = posts_of(["1", "2", "1"], ["a"] * 3, ["first", "other", "second"])

    (found,) = find_medoids(
        read_post_vectors(dataset(vectors), {"a": 0}, repeated_uris=pa.array(["1"])),
        dataset(posts),
        clusters=np.zeros(1, np.int64),
        means=np.array([[1, 0]], np.float32),
    )

    assert [(medoid.uri, medoid.text) for medoid in found] == [("1", "first"), ("2", "other")]
