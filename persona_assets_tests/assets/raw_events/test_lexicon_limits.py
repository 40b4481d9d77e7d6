import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events.event_types import Post
from persona_assets.assets.raw_events.lexicon_limits import LANGS, bound_status, cut_langs, cut_texts, drop_langs


@given(st.lists(st.none() | st.text()), st.integers(0, 12))
def test_texts_are_cut_before_a_character_that_does_not_fit(texts, most):
    cut, number = cut_texts(pa.array(texts, pa.string()), most)

    for text, kept in zip(texts, cut.to_pylist(), strict=True):
        if text is None or len(text.encode()) <= most:
            assert kept == text
        else:
            assert text.startswith(kept)
            assert len(kept.encode()) <= most < len(text[: len(kept) + 1].encode())
    assert number == sum(text is not None and len(text.encode()) > most for text in texts)


def test_the_first_languages_declared_are_kept():
    declared = [None, [], ["en"], ["en", "de", "fr"], ["a", "b", "c", "d"], ["x" * 65, "en"], ["x" * 64]]

    kept, number = cut_langs(pa.array(declared, pa.list_(pa.string())))

    assert kept.to_pylist() == [*declared[:4], ["a", "b", "c"], ["en"], ["x" * 64]]
    assert (number, LANGS) == (2, 3)


@given(st.lists(st.sampled_from(["en", "", "x" * 65, "é" * 33, "y" * 64]), max_size=4), st.integers(0, 40))
def test_of_very_many_languages_those_are_held_that_are_kept_and_counted(declared, times):
    post = Post(langs=declared * times)
    kind = pa.list_(pa.string())

    drop_langs(post)

    assert cut_langs(pa.array([post.langs], kind)) == cut_langs(pa.array([declared * times], kind))
    assert len(post.langs) <= 64


def test_languages_within_bounds_are_left_as_they_are():
    declared = pa.array([["en"], None], pa.list_(pa.string()))

    assert cut_langs(declared) == (declared, 0)
    assert cut_langs(pa.array([None], pa.list_(pa.string())))[1] == 0


@pytest.mark.parametrize("status", [None, "deleted", "takendown"])
def test_known_statuses_stay(status):
    assert bound_status(status) == status


def test_any_other_status_is_told_as_such():
    assert bound_status("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa says hello") == "other"
