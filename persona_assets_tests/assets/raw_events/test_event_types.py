import msgspec
import pytest

from persona_assets.assets.raw_events.event_types import ABSENT, RECORD_TYPES, build_line_types, is_absent_or_null
from persona_assets_tests.assets.raw_events.builders import commit, like, line


def test_records_of_known_collections_are_decoded_and_others_raise():
    event, _ = build_line_types(["com.example.known"])
    decoder = msgspec.json.Decoder(event)

    assert isinstance(decoder.decode(line(like())).commit.record, RECORD_TYPES["app.bsky.feed.like"])
    assert decoder.decode(line(commit("com.example.known", {"a": 1}))).commit.collection == "com.example.known"
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(line(commit("com.example.other", {"a": 1})))


def test_null_and_absent_fields_are_recognised():
    assert is_absent_or_null(ABSENT)
    assert is_absent_or_null(msgspec.Raw(b"null"))
    assert not is_absent_or_null(msgspec.Raw(b"{}"))
