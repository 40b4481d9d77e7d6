import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events.nesting import MAX_LEVELS, find_too_deep_lines, is_too_deep


def nested(levels, inside=b"1"):
    pairs = [(b"[", b"]") if number % 3 else (b'{"a":', b"}") for number in range(levels)]
    return b"".join(start for start, _ in pairs) + inside + b"".join(end for _, end in reversed(pairs))


def test_lines_that_are_nested_too_deeply_are_found():
    wide = b"[" + b",".join([nested(100)] * 10) + b"]"
    lines = [nested(MAX_LEVELS), nested(MAX_LEVELS + 1), b"", wide, nested(1000)]

    assert find_too_deep_lines(b"\n".join(lines)) == [1, 4]
    assert find_too_deep_lines(b"") == []


@pytest.mark.parametrize("text", ["[" * 1000, '"' + "{" * 1000, "\\" + "[" * 1000, '\\"' + "[" * 1000 + '"\\\\'])
def test_brackets_in_strings_do_not_count_as_nesting(text):
    inside = json.dumps(text).encode()

    assert not is_too_deep(nested(5, inside))
    assert is_too_deep(nested(MAX_LEVELS + 1, inside))


def levels_of(value):
    if isinstance(value, list | dict):
        return 1 + max(map(levels_of, value if isinstance(value, list) else value.values()), default=0)
    return 0


@given(
    st.recursive(
        st.text(alphabet='[{\\"]}a'),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='{["\\'), inner, max_size=4),
    ),
    st.integers(MAX_LEVELS - 4, MAX_LEVELS + 1),
)
def test_nesting_levels_are_counted_exactly(value, around):
    assert is_too_deep(nested(around, json.dumps(value).encode())) == (around + levels_of(value) > MAX_LEVELS)
