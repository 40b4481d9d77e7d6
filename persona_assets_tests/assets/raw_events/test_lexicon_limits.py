import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events.event_types import PostRecord
from persona_assets.assets.raw_events.lexicon_limits import (
    MAX_LANGS,
    replace_unknown_status,
    shorten_long_langs,
    truncate_langs,
    truncate_texts,
)


@given(st.lists(st.none() | st.text()), st.integers(0, 12))
def test_texts_are_truncated_between_characters(texts, max_bytes):
    cut, number = truncate_texts(pa.array(texts, pa.string()), max_bytes)

    for text, kept in zip(texts, cut.to_pylist(), strict=True):
        if text is None or len(text.encode()) <= max_bytes:
            assert kept == text
        else:
            assert text.startswith(kept)
            assert len(kept.encode()) <= max_bytes < len(text[: len(kept) + 1].encode())
    assert number == sum(text is not None and len(text.encode()) > max_bytes for text in texts)


def test_the_first_three_declared_languages_are_kept():
    declared = [None, [], ["en"], ["en", "de", "fr"], ["a", "b", "c", "d"], ["x" * 65, "en"], ["x" * 64]]

    kept, number = truncate_langs(pa.array(declared, pa.list_(pa.string())))

    assert kept.to_pylist() == [*declared[:4], ["a", "b", "c"], ["en"], ["x" * 64]]
    assert (number, MAX_LANGS) == (2, 3)


@given(st.lists(st.sampled_from(["en", "", "x" * 65, "é" * 33, "y" * 64]), max_size=4), st.integers(0, 40))
def test_shortening_a_long_list_does_not_change_what_is_kept_and_counted(declared, times):
    post = PostRecord(langs=declared * times)
    kind = pa.list_(pa.string())

    shorten_long_langs(post)

    assert truncate_langs(pa.array([post.langs], kind)) == truncate_langs(pa.array([declared * times], kind))
    assert len(post.langs) <= 64


def test_languages_within_the_limits_are_not_changed():
    declared = pa.array([["en"], None], pa.list_(pa.string()))

    assert truncate_langs(declared) == (declared, 0)
    assert truncate_langs(pa.array([None], pa.list_(pa.string())))[1] == 0


@pytest.mark.parametrize("status", [None, "deleted", "takendown"])
def test_known_statuses_are_kept(status):
    assert replace_unknown_status(status) == status


def test_any_other_status_becomes_other():
    assert replace_unknown_status("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa says hello") == "other"
