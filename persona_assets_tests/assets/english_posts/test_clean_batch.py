"""Texts that are cleaned in a batch are cleaned as each by itself."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.english_posts import clean_batch
from persona_assets.assets.english_posts.clean import clean_text
from persona_assets.assets.english_posts.clean_batch import clean_texts

PIECES = [
    *(
        "a",
        "Ew",
        " ",
        "\n",
        "\x7f",
        "\0",
        ".",
        "x.y",
        "://",
        "www.",
        ".com",
        "@",
        "@ ",
        "#",
        "&",
        "&amp;",
        "(at x",
        "(",
    ),
    *("aaa", "000", "...", "é", "\u2019", "\U0001f600", "1", "_", "___"),
]
TEXTS = st.lists(st.none() | st.text() | st.lists(st.sampled_from(PIECES)).map("".join))


def clean_each(texts):
    return [clean_text(text) if text else "" for text in texts]


@given(TEXTS, st.integers(0, 3), st.integers(0, 3))
def test_each_text_is_cleaned_as_by_itself(texts, first, without):
    array = pa.array(texts, pa.string()).slice(first, max(0, len(texts) - first - without))

    assert clean_texts(array) == clean_each(array.to_pylist())


def test_a_null_with_bytes_below_it_is_no_text():
    offsets, content = pa.array([0, 3, 6], pa.int32()).buffers()[1], pa.py_buffer(b"abcdef")
    texts = pa.StringArray.from_buffers(2, offsets, content, pa.array([False, True]).buffers()[1])

    assert clean_texts(texts) == ["", "def"]


def test_a_text_with_nothing_to_remove_is_not_searched(monkeypatch):
    searched = []
    monkeypatch.setattr(clean_batch, "clean_text", searched.append)

    assert clean_texts(pa.array(["It's fine: 1.", "Really?! (", "ok"])) == ["It's fine: 1.", None, "ok"]
    assert searched == ["Really?! ("]
