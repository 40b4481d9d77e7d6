"""Post vectors are read in batches, validated, each post once."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets import tables
from persona_assets.common.progress import reporting_progress
from persona_assets.errors import VectorError
from persona_assets.post_vectors.read import find_model_name, read_common_width, read_post_vectors
from persona_assets_tests.assets.cluster_stats.builders import dataset, vectors_of


def test_only_posts_of_the_given_users_are_read_with_the_number_of_their_author():
    table = vectors_of(["1", "2", "3"], ["a", "x", "b"], [[1, 0], [0, 1], [0, 1]])

    (posts,) = read_post_vectors(dataset(table.cast(table.schema)), {"a": 5, "b": 0})

    assert posts.rows.tolist() == [5, 0]
    assert posts.uris == pa.array(["1", "3"])
    assert posts.vectors.tolist() == [[1, 0], [0, 1]]


def days_of(*widths_and_models):
    """A window with a day per (width, model name)."""
    days = []
    for width, model in widths_and_models:
        table = vectors_of(["1"], ["a"], [[1.0] * width])
        days.append(dataset(table.cast(tables.add_vector_model(table.schema, model))))
    return Days(days)


class Days:
    """A dataset whose files have different schemas, which pyarrow does not build from tables in memory."""

    def __init__(self, days):
        self._days, self.schema = days, days[0].schema

    def get_fragments(self):
        return (fragment for day in self._days for fragment in day.get_fragments())


@pytest.mark.parametrize("cut", [1, 2, 50])
def test_a_post_of_two_days_is_read_once_for_any_batches(cut):
    day = vectors_of(["1", "2", "3"], ["a", "b", "a"], [[1, 0], [0, 1], [1, 1]])
    window = pa.concat_tables([day, day.slice(1, 2), day.slice(2, 1)])
    batches = pads.dataset(window.to_batches(max_chunksize=cut), schema=window.schema)

    read = [*read_post_vectors(batches, {"a": 0, "b": 1}, repeated_uris=pa.array(["2", "3"]))]

    assert [uri for posts in read for uri in posts.uris.to_pylist()] == ["1", "2", "3"]
    assert [row for posts in read for row in posts.rows.tolist()] == [0, 1, 0]


def test_the_first_vector_of_a_post_of_two_days_is_used():
    first, later = (vectors_of(["1"], ["a"], [vector]) for vector in ([1, 0], [0, 1]))

    (posts,) = read_post_vectors(dataset(first, later), {"a": 0}, repeated_uris=pa.array(["1"]))

    assert posts.vectors.tolist() == [[1, 0]]


def test_progress_counts_every_post_read_also_those_left_out():
    table = vectors_of(["1", "1", "2"], ["a", "a", "x"], [[1, 0]] * 3)

    with reporting_progress(print) as progress:
        assert len([*read_post_vectors(dataset(table), {"a": 0}, repeated_uris=pa.array(["1"]))]) == 1

    assert progress.list_totals()[0][:3] == ("reading vectors", "posts", 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 7.0])
def test_a_vector_that_is_not_finite_or_not_of_unit_length_is_an_error_that_names_no_user(bad):
    table = vectors_of(["1"], ["did:plc:secret"], [[1.0, 0.0]])
    kind = table.schema.field("vector").type
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([bad, 0.0], kind.value_type), type=kind)
    table = table.set_column(2, table.schema.field("vector"), vectors)

    with pytest.raises(VectorError, match="1 of 1 vectors") as error:
        list(read_post_vectors(dataset(table), {}))

    assert "secret" not in str(error.value)


@pytest.mark.parametrize("other", [(3, None), (2, "another")])
def test_days_of_different_models_are_an_error_also_if_their_widths_are_equal(other):
    with pytest.raises(VectorError, match="PERSONA_MODEL"):
        read_common_width(days_of((2, "one"), other))


def test_the_model_is_that_of_the_first_day_that_names_one():
    assert read_common_width(days_of((2, None), (2, "one"), (2, "one"))) == 2
    assert find_model_name(days_of((2, None), (2, "one"))) == "one"
    assert find_model_name(days_of((2, None))) is None


def test_posts_that_are_left_out_are_not_read():
    table = vectors_of(["1", "2", "3"], ["a", "a", "b"], [[1, 0], [0, 1], [0, 1]])

    (posts,) = read_post_vectors(dataset(table), {"a": 0, "b": 1}, left_out=pa.array(["0", "2", "4"]))

    assert posts.uris.to_pylist() == ["1", "3"]
