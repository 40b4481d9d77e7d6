"""Reading post vectors by batch."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets import tables
from persona_assets.errors import VectorError
from persona_assets.post_vectors.read import common_model, common_width, read_post_vectors
from persona_assets_tests.assets.cluster_stats.builders import dataset, vectors_of


def test_only_posts_of_known_users_are_read_with_their_row():
    table = vectors_of(["1", "2", "3"], ["a", "x", "b"], [[1, 0], [0, 1], [0, 1]])

    (posts,) = read_post_vectors(dataset(table.cast(table.schema)), {"a": 5, "b": 0})

    assert posts.rows.tolist() == [5, 0]
    assert posts.uris == pa.array(["1", "3"])
    assert posts.vectors.tolist() == [[1, 0], [0, 1]]


def days_of(*widths_and_models):
    """A window whose days were embedded by models of these widths and names."""
    days = []
    for width, model in widths_and_models:
        table = vectors_of(["1"], ["a"], [[1.0] * width])
        days.append(dataset(table.cast(tables.with_vector_model(table.schema, model))))
    return Days(days)


class Days:
    """Days whose schemas differ, which no dataset of pyarrow's is made of as long as only one is there."""

    def __init__(self, days):
        self._days, self.schema = days, days[0].schema

    def get_fragments(self):
        return (fragment for day in self._days for fragment in day.get_fragments())


@pytest.mark.parametrize("cut", [1, 2, 50])
def test_a_post_of_two_days_is_read_once_however_batches_are_cut(cut):
    day = vectors_of(["1", "2", "3"], ["a", "b", "a"], [[1, 0], [0, 1], [1, 1]])
    window = pa.concat_tables([day, day.slice(1, 2), day.slice(2, 1)])
    batches = pads.dataset(window.to_batches(max_chunksize=cut), schema=window.schema)

    read = [*read_post_vectors(batches, {"a": 0, "b": 1}, repeated=pa.array(["2", "3"]))]

    assert [uri for posts in read for uri in posts.uris.to_pylist()] == ["1", "2", "3"]
    assert [row for posts in read for row in posts.rows.tolist()] == [0, 1, 0]


def test_of_a_post_of_two_days_the_first_vector_counts():
    first, later = (vectors_of(["1"], ["a"], [vector]) for vector in ([1, 0], [0, 1]))

    (posts,) = read_post_vectors(dataset(first, later), {"a": 0}, repeated=pa.array(["1"]))

    assert posts.vectors.tolist() == [[1, 0]]


def test_every_post_is_noted_those_of_strangers_and_repeats_too():
    noted = []
    table = vectors_of(["1", "1", "2"], ["a", "a", "x"], [[1, 0]] * 3)

    assert len([*read_post_vectors(dataset(table), {"a": 0}, repeated=pa.array(["1"]), note=noted.append)]) == 1
    assert sum(noted) == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 7.0])
def test_a_vector_that_is_not_finite_or_not_of_unit_length_is_refused_without_naming_its_user(bad):
    table = vectors_of(["1"], ["did:plc:secret"], [[1.0, 0.0]])
    kind = table.schema.field("vector").type
    vectors = pa.FixedSizeListArray.from_arrays(pa.array([bad, 0.0], kind.value_type), type=kind)
    table = table.set_column(2, table.schema.field("vector"), vectors)

    with pytest.raises(VectorError, match="1 of 1 vectors") as error:
        list(read_post_vectors(dataset(table), {}))

    assert "secret" not in str(error.value)


@pytest.mark.parametrize("other", [(3, None), (2, "another")])
def test_days_embedded_by_different_models_are_refused_whether_or_not_their_widths_differ(other):
    with pytest.raises(VectorError, match="PERSONA_MODEL"):
        common_width(days_of((2, "one"), other))


def test_the_model_is_that_of_the_days_that_name_one():
    assert common_width(days_of((2, None), (2, "one"), (2, "one"))) == 2
    assert common_model(days_of((2, None), (2, "one"))) == "one"
    assert common_model(days_of((2, None))) is None
