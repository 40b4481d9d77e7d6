import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events.json_values import iterate_nested_objects, split_objects

VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(), VALUES).map(lambda some: {"padding": "x" * 40, **some})


@given(st.lists(OBJECTS, min_size=2), st.sampled_from(["%s", "[%s]", "[%s", "%s]", "%s,"]), st.sampled_from(" ,\x1e"))
def test_objects_that_share_a_line_are_split(objects, form, between):
    line = (form % between.join(json.dumps(one) for one in objects)).encode()

    assert [json.loads(raw) for raw in split_objects(line) or ()] == objects


@pytest.mark.parametrize("raw", [b"", b"{}", b' {"a": 1} ', b'{"a": 1', b'"a"', b"5 5", b"{} x", b"[5]", b"]", b"{}}"])
def test_other_lines_are_not_split(raw):
    assert split_objects(raw) is None


def test_splitting_200_000_objects_takes_little_memory():
    line = b"[" + b",".join([b'{"padding": "' + b"x" * 20 + b'"}'] * 200_000) + b"]"
    tracemalloc.start()

    assert sum(1 for _ in split_objects(line)) == 200_000

    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 2 * len(line)


def test_fields_whose_values_are_objects_are_yielded():
    raw = b' { "a" : {"b": "}"} , "c":5,"d\\"":[{}],"e":{} }'

    assert [json.loads(value) for value in iterate_nested_objects(raw)] == [{"b": "}"}, {}]


@pytest.mark.parametrize(
    "raw", [b"{}", b"{", b"5", b'{"a"', b'{"a":', b'{"a":tru}', b"{" + b'"a":1,' * 40 + b'"b":{}}']
)
def test_an_object_that_is_invalid_or_has_too_many_fields_yields_nothing(raw):
    assert list(iterate_nested_objects(raw)) == []
