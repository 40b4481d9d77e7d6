import json

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.raw_events.event_types import PostRecord, ProfileRecord, SelfLabel, SelfLabels
from persona_assets.assets.raw_events.lexicon_limits import (
    MAX_CONSENT_BYTES,
    MAX_LABEL_BYTES,
    MAX_LABELS,
    MAX_LANGS,
    parse_consent_record,
    replace_unknown_status,
    select_self_labels,
    shorten_long_labels,
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


LABELS = st.lists(st.sampled_from(["bot", "!no-unauthenticated", "", "a", "x" * 129, "é" * 65, "y" * 128]), max_size=6)


@given(LABELS, st.integers(0, 30))
def test_labels_are_bounded_and_no_label_of_consent_is_lost(declared, times):
    declared = declared * times

    kept, is_cut = select_self_labels([SelfLabel(label) for label in declared])

    assert len(kept) <= MAX_LABELS
    assert all(len(label.encode()) <= MAX_LABEL_BYTES for label in kept)
    assert {"bot", "!no-unauthenticated"} & set(declared) <= set(kept)
    assert is_cut == (kept != declared)


@given(LABELS, st.integers(0, 30))
def test_shortening_a_long_list_of_labels_does_not_change_what_is_kept_and_counted(declared, times):
    labels = [SelfLabel(label) for label in declared * times]
    profile = ProfileRecord(labels=SelfLabels(list(labels)))

    shorten_long_labels(profile)

    assert select_self_labels(profile.labels.values) == select_self_labels(labels)
    assert len(profile.labels.values) <= 64


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4), st.randoms())
def test_a_record_of_consent_does_not_depend_on_the_order_of_its_fields(record, random):
    shuffled = list(record.items())
    random.shuffle(shuffled)

    first, other = (parse_consent_record(msgspec.Raw(json.dumps(form).encode())) for form in (record, dict(shuffled)))

    assert first == other
    assert json.loads(first.json) == record


@pytest.mark.parametrize(
    "raw", [b"", b"null", b'{"a":"%s"}' % (b"x" * MAX_CONSENT_BYTES), b'{"a":%s}' % (b"9" * 9000), b'{"a":"\\ud800"}']
)
def test_a_record_of_consent_that_is_absent_or_over_its_bounds_has_no_json(raw):
    assert parse_consent_record(msgspec.Raw(raw)).json is None


def test_a_record_of_consent_of_the_maximum_length_is_kept():
    raw = b'{"a":"%s"}' % (b"x" * (MAX_CONSENT_BYTES - 8))

    assert len(parse_consent_record(msgspec.Raw(raw)).json) == MAX_CONSENT_BYTES
