import gc
from contextlib import contextmanager

import pytest

from persona_assets.assets.raw_events import fast_decode as decode
from persona_assets.assets.raw_events.event_types import JetstreamEvent, build_line_types
from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.lenient_decode import decode_line_leniently, decode_object_leniently
from persona_assets_tests.assets.raw_events.builders import (
    ALICE,
    BOB,
    LIKE,
    POST,
    account,
    commit,
    delete,
    identity,
    like,
    line,
    post,
)

CAROL = "did:plc:cccccccccccccccccccccccc"


@contextmanager
def collector_off():
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def frame(event):
    inside = {"$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": 7, "did": event["did"]}
    inside |= {"time": "2025-03-01T12:00:00.000001Z", **event["commit"]}
    return line({"$type": "message", "payload": inside}).replace(b": ", b":").replace(b", ", b",")


def test_each_line_gives_one_event():
    lines = [line(event) for event in (post("a"), like(), delete(), account(), identity())]

    found = BlockDecoder().decode(b"\n".join(lines))

    assert [event.kind for event in found] == ["commit", "commit", "commit", "account", "identity"]


def test_invalid_lines_do_not_shift_the_events_of_others():
    good = line(like())
    spoilt = [b"", b"{", good + good, b"\xff", b" ", b"[]", good[:20]]

    for bad in spoilt:
        found = BlockDecoder().decode(b"\n".join([good, bad, good]))
        assert [event is not None for event in found] == [True, False, True]


def test_two_objects_on_a_line_do_not_compensate_for_one_on_two_lines():
    good = line(like())
    lines = [good + good, good[:-1], b"}", good]

    found = BlockDecoder().decode(b"\n".join(lines))

    assert [event is not None for event in found] == [False, False, False, True]


def test_an_invalid_byte_in_a_skipped_field_needs_the_slow_path():
    bad = line(commit("app.bsky.graph.list", {"name": "x"})).replace(b'"x"', b'"\xff"')

    assert [event is not None for event in BlockDecoder().decode(line(like()) + b"\n" + bad)] == [True, False]


def test_v2_frames_are_decoded_as_a_block():
    found = BlockDecoder().decode(b"\n".join([frame(like()), frame(post("a")), frame(delete())]))

    assert [(event.seq, event.commit.operation) for event in found] == [(7, "create"), (7, "create"), (7, "delete")]


def test_v1_and_v2_may_be_mixed():
    found = BlockDecoder().decode(b"\n".join([line(like()), frame(like()), line(like())]))

    assert [event is not None and event.seq for event in found] == [None, 7, None]


def hybrid(event):
    """A v2 frame that also has the fields of a v1 event of another account."""
    return frame(event)[:-1] + b"," + line(like(user=BOB))[1:]


def test_decoding_a_line_does_not_depend_on_its_neighbours():
    both, plain = hybrid(like()), line(like(user=CAROL))
    framed = frame(like(user=CAROL))

    for before, after in [([], []), ([plain], []), ([framed], []), ([], [plain]), ([plain], [framed])]:
        found = BlockDecoder().decode(b"\n".join([*before, both, *after]))
        assert [event.did for event in found] == [CAROL] * len(before) + [ALICE] + [CAROL] * len(after)


def test_decoding_a_line_does_not_depend_on_whether_its_collection_is_known():
    both = hybrid(commit("com.example.thing", {"a": 1}))
    decoder = BlockDecoder()

    assert decoder.decode(both) == [None]
    seen = decode_object_leniently(both)
    for _ in range(64):
        decoder.learn_collection(seen)

    assert [decoder.decode(both)[0].did, seen.did] == [ALICE, ALICE]


def test_frequent_collections_are_learned():
    other = commit("com.example.thing", {"a": 1})
    decoder = BlockDecoder()

    assert decoder.decode(line(other)) == [None]
    (known,) = decoder.decode(line(like()))
    known.commit.collection = "com.example.thing"
    for _ in range(64):
        decoder.learn_collection(known)

    (event,) = decoder.decode(line(other))
    assert event.commit.collection == "com.example.thing"
    assert decoder.decode(line(like()))[0].commit.collection == LIKE


def test_rare_collections_are_forgotten():
    decoder = BlockDecoder()
    (event,) = decoder.decode(line(like()))

    for number in range(10_000):
        event.commit.collection = f"com.example.thing{number}"
        decoder.learn_collection(event)

    assert len(decoder._unknown_counts) < 2000


def test_new_collections_are_learned_in_batches(monkeypatch):
    prepared = []
    monkeypatch.setattr(
        decode, "build_line_types", lambda known: prepared.append(len(known)) or build_line_types(known)
    )
    decoder = BlockDecoder()
    (event,) = decoder.decode(line(like()))

    with collector_off():
        before = len(gc.get_objects())
        for number in range(200):
            event.commit.collection = f"com.example.thing{number}"
            for _ in range(64):
                decoder.learn_collection(event)
        made = len(gc.get_objects()) - before

    assert len(prepared) < 40
    assert prepared[-1] > 180
    assert made < 200_000


def test_one_very_frequent_collection_is_learned_alone():
    decoder = BlockDecoder()
    (event,) = decoder.decode(line(like()))
    for name in [*(f"com.example.thing{number // 64}" for number in range(64 * 100)), *["com.example.often"] * 5000]:
        event.commit.collection = name
        decoder.learn_collection(event)

    assert decoder.decode(line(commit("com.example.often", {}))) != [None]


def test_long_lists_of_languages_are_shortened_when_decoded():
    many = line(post("a", langs=["en"] * 1400))

    for lines in (
        [many],
        [line(like()), many, line(like())],
        [line(like()), many],
        [frame(post("a", langs=["en"] * 1400))],
    ):
        found = BlockDecoder().decode(b"\n".join(lines))
        assert [len(event.commit.record.langs) for event in found if event.commit.collection == POST] == [4]
    assert len(decode_object_leniently(many).commit.record.langs) == 4


@pytest.mark.parametrize("levels", [190, 250, 950])
def test_decoding_a_deeply_nested_line_does_not_depend_on_the_call_stack(levels):
    deep = line(commit("app.bsky.graph.list", {"x": 0})).replace(b": 0", b":" + b"[" * levels + b"]" * levels)

    def read(deeper):
        if deeper:
            return read(deeper - 1)
        found = BlockDecoder().decode(b"\n".join([line(like()), deep, line(like())]))
        again = [isinstance(one, JetstreamEvent) for text in (deep, deep * 2) for one in decode_line_leniently(text)]
        return [event is not None for event in found], again

    is_event = levels < 200
    assert read(0) == read(500) == ([True, is_event, True], [True] * 3 if is_event else [False] * 2)
