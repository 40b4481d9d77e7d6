import pytest

from persona_assets import tables
from persona_assets.assets.raw_events.event_buffer import EventBuffer
from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.common.columns import require_schema
from persona_assets_tests.assets.raw_events.builders import (
    NOON_US,
    POST,
    account,
    commit,
    delete,
    embed_record,
    identity,
    like,
    line,
    post,
)


def fill_buffer(events, *, convert_each=False):
    buffer = EventBuffer()
    for event in BlockDecoder().decode(b"\n".join(line(event) for event in events)):
        assert buffer.add_valid_events([event]) == []
        if convert_each:
            buffer.convert_to_columns(min_events_of_kind=1)
    return buffer


@pytest.mark.parametrize("convert_each", [False, True])
def test_each_kind_is_one_chunk_sorted_by_time(convert_each):
    events = [post(time_us=NOON_US + 5), like(time_us=NOON_US + 4), post(time_us=NOON_US + 3), like()]
    events += [delete(), account(), identity(), commit(POST, {"text": "x"}, operation="update")]

    table = fill_buffer(events, convert_each=convert_each).flush()

    require_schema(table.schema, tables.RAW_EVENTS, table="raw_events")
    assert len(table) == len(events)
    chunks = [chunk.to_pylist() for chunk in table["event_time_us"].chunks]
    assert len(chunks) == 5
    assert all(times == sorted(times) for times in chunks)


def test_flushing_empties_the_buffer():
    buffer = fill_buffer([like()])

    assert (len(buffer.flush()), len(buffer.flush())) == (1, 0)


@pytest.mark.parametrize(
    "event",
    [
        like() | {"did": "nobody"},
        {**like(), "commit": None},
        {**account(), "account": None},
        {**like(), "kind": "account"},
        like(rkey="a/b"),
        like(rkey=".."),
        {**post(), "commit": {**post()["commit"], "record": None}},
        {**post(), "commit": {**post()["commit"], "record": like()["commit"]["record"]}},
    ],
)
def test_invalid_events_are_reported_and_not_buffered(event):
    buffer = EventBuffer()

    assert buffer.add_valid_events(BlockDecoder().decode(line(event))) == [0]
    assert buffer.add_valid_events([None]) == [0]
    assert len(buffer.flush()) == 0


def test_an_invalid_record_key_affects_only_its_own_event():
    events = [like(rkey="self"), like(rkey="a b"), account(), delete(rkey=".")]

    assert EventBuffer().add_valid_events(BlockDecoder().decode(b"\n".join(line(event) for event in events))) == [1, 3]


def test_values_over_the_limits_of_their_lexicon_are_truncated_and_counted():
    long, short = "é" * 1501, "é" * 1500
    buffer = fill_buffer([post(long), post(short, langs=list("abcd")), account(status="zq", active=False)])
    buffer.add_valid_events(BlockDecoder().decode(line(commit("app.bsky.actor.profile", {"description": long}))))

    table = buffer.flush()

    assert sorted(text for text in table["text"].to_pylist() if text) == ["é" * 1280, short, short]
    assert [langs for langs in table["langs"].to_pylist() if langs] == [["a", "b", "c"]]
    assert [status for status in table["account_status"].to_pylist() if status] == ["other"]
    assert (buffer.cuts["texts"], buffer.cuts["langs"]) == (2, 1)


@pytest.mark.parametrize("convert_each", [False, True])
def test_a_sequence_number_of_zero_is_kept(convert_each):
    events = [like() | {"seq": 0}, like() | {"seq": 5}, like()]

    assert fill_buffer(events, convert_each=convert_each).flush()["seq"].to_pylist() == [0, 5, None]


def test_an_empty_uri_becomes_null():
    empty = {"uri": ""}
    table = fill_buffer([post(reply={"parent": empty, "root": empty}, embed=embed_record(""))]).flush()

    assert [table[name].to_pylist() for name in ("parent_uri", "root_uri", "quoted_uri")] == [[None]] * 3
