"""Values of lists are numbered once, whatever dictionaries they come in."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset import distinct_values
from persona_assets.assets.dataset.distinct_values import STRINGS, DistinctValues, find_first_places, is_same_array

KEY = b"k" * 32
LISTS = st.lists(st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b", "c", "d"])), max_size=6), max_size=6)


def in_dictionary(lists, dictionary):
    """Return lists of strings as places in a dictionary, which may have a string twice: the last place counts."""
    places = {value: place for place, value in enumerate(dictionary.to_pylist())}
    numbers = pa.array([places[value] for values in lists for value in values], pa.int32())
    offsets = [sum(len(values) for values in lists[:end]) for end in range(len(lists) + 1)]
    encoded = pa.DictionaryArray.from_arrays(numbers, dictionary)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), encoded, type=STRINGS)


@given(st.lists(LISTS, max_size=4))
def test_each_value_has_one_number_and_is_there_once_in_a_list(batches) -> None:
    values = DistinctValues(KEY)
    names: list[str] = []

    for lists in batches:
        rows, numbers, new = values.read(pa.array(lists, STRINGS))
        names += new
        found = [
            [names[number] for row, number in zip(rows, numbers, strict=True) if row == at] for at in range(len(lists))
        ]
        assert found == [list(dict.fromkeys(one for one in some if one is not None)) for some in lists]

    assert len(names) == len(set(names))
    keys, ranks = values.rank()
    assert sorted(ranks.tolist()) == list(range(len(names))) == list(range(len(keys)))


def test_numbers_do_not_depend_on_what_else_a_dictionary_has() -> None:
    values = DistinctValues(KEY)
    dictionary = pa.array(["a", "unused", "b", "a"], pa.large_string())

    first = values.read(in_dictionary([["a"], ["b"]], dictionary))
    again = values.read(pa.array([["b", "a"]], STRINGS))

    assert first[2] == ["a", "b"] or first[2] == ["b", "a"]
    assert again[1].tolist() == first[1].tolist()[::-1]
    assert again[2] == []


def test_a_value_of_a_dictionary_is_hashed_once(monkeypatch) -> None:
    hashed: list[str] = []
    real = distinct_values.hash_values
    monkeypatch.setattr(
        distinct_values, "hash_values", lambda some, key: (hashed.extend(some.to_pylist()), real(some, key))[1]
    )
    values = DistinctValues(KEY)
    dictionary = pa.array(["a", "b", "c"], pa.large_string())

    for lists in ([["a", "b"]], [["b"], ["a"]], [["c", "a"]]):
        values.read(in_dictionary(lists, dictionary))

    assert sorted(hashed) == ["a", "b", "c"]


@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), max_size=6))
def test_the_first_place_of_each_number_of_each_row_is_found(lists) -> None:
    pairs = [(row, number) for row, numbers in enumerate(lists) for number in numbers]
    rows, numbers = (pa.array([pair[at] for pair in pairs], pa.int64()).to_numpy() for at in (0, 1))

    assert find_first_places(rows, numbers).tolist() == [pairs.index(pair) for pair in dict.fromkeys(pairs)]


@pytest.mark.parametrize(("other", "same"), [("itself", True), ("a part", False), ("a copy", False)])
def test_arrays_are_the_same_only_in_the_same_memory(other, same) -> None:
    array = pa.array(["a", "b"], pa.large_string())
    others = {"itself": array, "a part": array.slice(1), "a copy": pa.array(["a", "b"], pa.large_string())}

    assert is_same_array(array, others[other]) is same
