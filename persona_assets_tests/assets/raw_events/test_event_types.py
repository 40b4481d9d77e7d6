import msgspec
import pytest

from persona_assets.assets.raw_events.event_types import NOTHING, TYPED, is_nothing, make_line_types
from persona_assets_tests.assets.raw_events.builders import commit, like, line


def test_records_of_known_collections_are_decoded_and_of_others_refused():
    event, _ = make_line_types(["com.example.known"])
    decoder = msgspec.json.Decoder(event)

    assert isinstance(decoder.decode(line(like())).commit.record, TYPED["app.bsky.feed.like"])
    assert decoder.decode(line(commit("com.example.known", {"a": 1}))).commit.collection == "com.example.known"
    with pytest.raises(msgspec.ValidationError):
        decoder.decode(line(commit("com.example.other", {"a": 1})))


def test_null_and_absent_are_nothing():
    assert is_nothing(NOTHING)
    assert is_nothing(msgspec.Raw(b"null"))
    assert not is_nothing(msgspec.Raw(b"{}"))
