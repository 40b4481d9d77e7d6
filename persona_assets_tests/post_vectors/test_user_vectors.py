"""User vectors are the normalised means of post vectors."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.database import QueryOptions
from persona_assets.errors import MemoryLimitError, VectorError
from persona_assets.post_vectors import user_vectors as module
from persona_assets.post_vectors.assign import BLOCK_ROWS
from persona_assets.post_vectors.user_vectors import (
    BYTES_PER_USER,
    average_user_vectors,
    require_memory_for_users,
)
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, users_of
from persona_assets_tests.consent.builders import left_out


def average(embeddings, users, **cut):
    return average_user_vectors(dataset(embeddings, **cut), dataset(users), with_covariance=True)


def test_a_user_vector_is_the_normalised_mean_of_the_users_post_vectors():
    found = average(embeddings_of([("a", [1, 0]), ("a", [0, 2]), ("b", [0, 1]), ("a", [1, 0])]), users_of(["b", "a"]))

    assert found.user_ids.to_pylist() == ["a", "b"]
    expected = np.array([[2, 1], [0, 1]]) / np.array([[np.sqrt(5)], [1]])
    np.testing.assert_allclose(found.vectors, expected, rtol=1e-6)
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize("dtype", [pa.float16(), pa.float32()])
@given(data=st.data())
def test_the_result_is_the_same_bit_for_bit_for_any_order_of_posts_and_users_and_any_batches(dtype, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 100)))
    names = [f"u{number}" for number in range(5)]
    embeddings = embeddings_of([(rng.choice(names), rng.normal(size=8)) for _ in range(40)], dtype)
    order = data.draw(st.permutations(range(40)))
    cut = data.draw(st.integers(1, 40))

    one = average(embeddings, users_of(names))
    other = average(embeddings.take(order), users_of(names[::-1]), batch_rows=cut)

    assert one.user_ids == other.user_ids
    assert one.within_covariance.tobytes() == other.within_covariance.tobytes()
    assert one.vectors.tobytes() == other.vectors.tobytes()


def test_vectors_in_a_mapped_file_are_the_same_bit_for_bit(tmp_path):
    rng = np.random.default_rng(3)
    names = [f"u{number:05}" for number in range(BLOCK_ROWS + 100)]
    posts = [(name, rng.normal(size=4)) for name in names[::2] for _ in range(2)]
    cancelled = [(names[2 * number + 1], [sign, 0, 0, 0]) for number in range(3) for sign in (1, -1)]
    given = dataset(embeddings_of([*posts, *cancelled])), dataset(users_of(names))

    in_memory = average_user_vectors(*given)
    mapped = average_user_vectors(*given, work=QueryOptions(memory_limit="0.1MB", scratch=tmp_path))

    assert mapped.vectors.tobytes() == in_memory.vectors.tobytes()
    assert mapped.user_ids == in_memory.user_ids == pa.array(names[::2])
    assert mapped.dropped == in_memory.dropped
    assert in_memory.dropped == {"no vector in the window": len(names) // 2 - 3, "vectors cancel out": 3}
    means = np.array([np.sum([v / np.linalg.norm(v) for _, v in posts[at : at + 2]], 0) for at in (0, len(posts) - 2)])
    np.testing.assert_allclose(
        in_memory.vectors[[0, -1]], means / np.linalg.norm(means, axis=1, keepdims=True), atol=2e-3
    )


def test_the_covariance_is_that_of_posts_around_the_mean_of_their_user():
    rng = np.random.default_rng(0)
    posts = [(f"u{number % 7}", rng.normal(size=4)) for number in range(60)]
    vectors = np.array([vector / np.linalg.norm(vector) for _, vector in posts])
    users = np.array([user for user, _ in posts])
    residuals = vectors.copy()
    for user in set(users):
        residuals[users == user] -= vectors[users == user].mean(axis=0)

    found = average(embeddings_of(posts), users_of(sorted(set(users))))

    np.testing.assert_allclose(found.within_covariance, residuals.T @ residuals / (60 - 7), atol=1e-4)


def test_the_covariance_is_zero_if_no_user_has_two_posts():
    found = average(embeddings_of([("a", [1, 0]), ("b", [0, 1])]), users_of(["a", "b"]))

    assert not found.within_covariance.any()


def test_every_user_has_a_vector_or_is_counted_as_dropped():
    embeddings = embeddings_of([("a", [1, 0]), ("b", [1, 0]), ("b", [-1, 0]), ("x", [0, 1])])

    found = average(embeddings, users_of(["a", "b", "c"]))

    assert found.user_ids.to_pylist() == ["a"]
    assert found.dropped == {"no vector in the window": 1, "vectors cancel out": 1}


def test_days_of_different_widths_are_an_error():
    days = [dataset(embeddings_of([("a", vector)])) for vector in ([1, 0], [1, 0, 0])]

    with pytest.raises(VectorError, match="PERSONA_MODEL"):
        average_user_vectors(_TwoDays(days), dataset(users_of(["a"])))


class _TwoDays:
    """A window whose second day was embedded by another model."""

    def __init__(self, days):
        self._days, self.schema = days, days[0].schema

    def get_fragments(self):
        return (fragment for day in self._days for fragment in day.get_fragments())


@pytest.mark.parametrize("batch_rows", [1, 2, 50])
def test_a_post_in_the_files_of_two_days_counts_once(batch_rows):
    day = embeddings_of([("a", [1, 0]), ("a", [0, 1]), ("b", [1, 1])])
    other = embeddings_of([("b", [0, 1]), ("x", [0, 1])])
    repeated = day["uri"].combine_chunks().slice(1, 1)
    window = dataset(pa.concat_tables([day, day.slice(1, 1), other, day.slice(1, 1)]), batch_rows=batch_rows)

    found = average_user_vectors(window, dataset(users_of(["a", "b"])), repeated_uris=repeated)

    alone = average(pa.concat_tables([day, other]), users_of(["a", "b"]))
    assert found.vectors.tobytes() == alone.vectors.tobytes()


def test_users_who_are_left_out_have_no_vector_and_deleted_posts_are_in_no_mean():
    posts = embeddings_of([("a", [1, 0]), ("a", [0, 1]), ("b", [1, 0]), ("c", [1, 0])])
    deleted = [posts["uri"][1].as_py(), posts["uri"][3].as_py()]

    found = average_user_vectors(
        dataset(posts), dataset(users_of(["a", "b", "c"])), left_out=left_out({"b": "refuses embedding"}, deleted)
    )

    assert found.user_ids.to_pylist() == ["a"]
    np.testing.assert_allclose(found.vectors, [[1, 0]])
    assert found.dropped == {"no vector in the window": 1, "vectors cancel out": 0, "refuses embedding": 1}


def test_users_count_against_the_limit_before_they_are_read():
    enough = math.ceil(1_000_000 * BYTES_PER_USER / 0.75)
    require_memory_for_users(1_000_000, f"{enough / 1e6}MB")

    with pytest.raises(MemoryLimitError, match="the 1,000,000 users of the window"):
        require_memory_for_users(1_000_000, f"{enough / 1e6 - 1}MB")


def test_sums_are_in_a_mapped_file_if_the_users_leave_them_no_memory(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "BYTES_PER_USER", 700_000)
    monkeypatch.setattr(
        module, "allocate_zeros", lambda shape, *, max_bytes, **_: asked.append(max_bytes) or np.zeros(shape)
    )
    for limit in ("1MB", "4MB"):
        given = dataset(embeddings_of([("a", [1, 0])])), dataset(users_of(["a"]))
        average_user_vectors(*given, work=QueryOptions(memory_limit=limit, scratch=tmp_path))

    assert asked == [300_000, 2_000_000]
