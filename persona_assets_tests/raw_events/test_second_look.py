import datetime as dt
import json

import msgspec
import pytest

from persona_assets.raw_events.decode import BlockDecoder
from persona_assets.raw_events.second_look import RefusedLineError, look_again
from persona_assets_tests.raw_events.builders import (
    ALICE,
    LIKE,
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


def changed(event, path, value):
    """An event with one field set, or taken out when `value` is None."""
    *parents, last = path.split(".")
    inside = event
    for name in parents:
        inside = inside[name]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return line(event)


FOLLOW = "app.bsky.graph.follow"
BAD = {
    "empty": (b"", "empty line"),
    "blank": (b"  \t", "empty line"),
    "not UTF-8": (line(post("caf")).replace(b"caf", b"caf\xe9"), "not UTF-8"),
    "not UTF-8 where we do not look": (
        line(commit(POST, {"text": "", "via": "x"})).replace(b'"x"', b'"\xff"'),
        "not UTF-8",
    ),
    "truncated": (line(post())[:-20], "truncated JSON"),
    "deeply nested": (
        line(commit("a.b", {"x": 0})).replace(b": 0", b":" + b"[" * 100_000 + b"]" * 100_000),
        "nested too deeply",
    ),
    "nested without an end": (b"[" * 100_000, "not an event: Expected object, got array"),
    "a number of 400 digits": (changed(post(), "time_us", 10**400), "time_us: out of range"),
    "a sequence number of 400 digits": (changed(account(), "account.seq", 10**400), "account.seq: out of range"),
    "a number of 5000 digits": (
        line(account()).replace(b'"seq": 1', b'"seq": ' + b"9" * 5000),
        "account.seq: out of range",
    ),
    "a lone high surrogate": (line(post("x")).replace(b'"x"', b'"\\ud83d"'), "lone surrogate"),
    "a lone low surrogate": (line(post("x")).replace(b'"x"', b'"\\ude00 "'), "lone surrogate"),
    "NUL bytes": (line(post("x")).replace(b'"x"', b'"\0"'), "NUL bytes"),
    "only NUL bytes": (bytes(4096), "NUL bytes"),
    "text a number": (changed(post(), "commit.record.text", 5), "commit.record.text: Expected str | null, got int"),
    "langs a string": (
        changed(post(), "commit.record.langs", "en"),
        "commit.record.langs: Expected array | null, got str",
    ),
    "a lang a number": (changed(post(), "commit.record.langs", [5]), "commit.record.langs[]: Expected str, got int"),
    "createdAt an object": (
        changed(post(), "commit.record.createdAt", {}),
        "commit.record.createdAt: Expected str | null, got object",
    ),
    "subject a list": (
        changed(like(), "commit.record.subject", []),
        "commit.record.subject: Expected object, got array",
    ),
    "subject without uri": (changed(like(), "commit.record.subject.uri", None), "no commit.record.subject.uri"),
    "no subject": (changed(like(), "commit.record.subject", None), "no commit.record.subject"),
    "a follow of a record": (
        commit(FOLLOW, {"subject": {"uri": ""}}),
        "commit.record.subject: Expected str, got object",
    ),
    "reply a string": (
        changed(post(), "commit.record.reply", "x"),
        "commit.record.reply: Expected object | null, got str",
    ),
    "embed a string": (
        changed(post(), "commit.record.embed", "x"),
        "commit.record.embed: Expected object | null, got str",
    ),
    "quote of nothing": (
        changed(post(embed=embed_record("")), "commit.record.embed.record", 5),
        "commit.record.embed.record: Expected object | null, got int",
    ),
    "another type": (changed(like(), "commit.record.$type", POST), "a record of another type than its collection"),
    "no did": (changed(post(), "did", None), "no did"),
    "no time_us": (changed(post(), "time_us", None), "no time_us"),
    "no kind": (changed(post(), "kind", None), "no kind"),
    "no commit": (changed(post(), "commit", None), "no commit"),
    "no collection": (changed(post(), "commit.collection", None), "no commit.collection"),
    "no rkey": (changed(post(), "commit.rkey", None), "no commit.rkey"),
    "an empty rkey": (changed(post(), "commit.rkey", ""), "commit.rkey: empty"),
    "no operation": (changed(post(), "commit.operation", None), "no commit.operation"),
    "no record": (changed(post(), "commit.record", None), "no commit.record"),
    "a null record": (line(commit(POST, {})).replace(b'{"$type": "app.bsky.feed.post"}', b"null"), "no commit.record"),
    "no account": (changed(account(), "account", None), "no account"),
    "no identity": (changed(identity(), "identity", None), "no identity"),
    "time_us negative": (changed(post(), "time_us", -1), "time_us: out of range"),
    "time_us in the year 9999": (changed(post(), "time_us", 253_370_764_800_000_000), "time_us: out of range"),
    "time_us a string": (changed(post(), "time_us", "1740830400000000"), "time_us: Expected int, got str"),
    "a DID that is none": (changed(post(), "did", "alice.example"), "did: not a DID"),
    "an empty DID": (changed(post(), "did", ""), "did: not a DID"),
    "a DID without an id": (changed(post(), "did", "did:plc:"), "did: not a DID"),
    "an unknown kind": (changed(post(), "kind", "presence"), "kind: unknown value"),
    "an unknown operation": (changed(post(), "commit.operation", "merge"), "commit.operation: unknown value"),
    "two objects": (line(post()) + line(post()), "more than one value on the line"),
    "two objects, apart": (line(post()) + b" " + line(post()), "more than one value on the line"),
    "text after the object": (line(post()) + b";", "more than one value on the line"),
    "our side of a conflict": (b"<<<<<<< HEAD:scratch/placeholder", "git conflict marker"),
    "the border of a conflict": (b"=======", "git conflict marker"),
    "their side of a conflict": (b">>>>>>> main", "git conflict marker"),
    "null": (b"null", "not an event: Expected object, got null"),
    "a list": (b"[1, 2, 3]", "not an event: Expected object, got array"),
    "a string": (b'"just a string"', "not an event: Expected object, got str"),
    "a number": (b"7", "not an event: Expected object, got int"),
    "prose": (b"Traceback (most recent call last):", "not JSON"),
    "another encoding": (line(post()).decode().encode("utf-16"), "not UTF-8"),
}


@pytest.mark.parametrize(("raw", "reason"), BAD.values(), ids=BAD)
def test_a_bad_line_is_refused_with_its_own_reason(raw, reason):
    with pytest.raises(RefusedLineError) as caught:
        look_again(line(raw))

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "event",
    [
        post(),
        post(embed=None, reply=None, langs=None),
        like(),
        delete(),
        commit(FOLLOW, {"subject": ALICE}),
        commit("com.example.thing", {"text": 5, "subject": []}),
        commit("com.example.thing", None),
        account(),
        identity(),
        changed(like(), "did", "did:web:example.com"),
        changed(like(), "did", "0" * 64),
    ],
)
def test_an_event_is_kept_with_spaces_line_ends_and_a_byte_order_mark_around_it(event):
    expected = look_again(line(event))

    for raw in (line(event) + b"\r", b"\xef\xbb\xbf" + line(event), b"  " + line(event) + b" "):
        assert look_again(raw) == expected


@pytest.mark.parametrize("event", [post(), post(langs=["en"]), like(), account(), identity(), delete(POST)])
def test_both_decoders_agree(event):
    (fast,) = BlockDecoder().decode(line(event))

    assert msgspec.to_builtins(look_again(line(event))) == msgspec.to_builtins(fast)


def test_null_counts_as_absent():
    (record,) = [look_again(line(post("kept", embed=None, reply=None, langs=None))).commit.record]

    assert (record.text, record.embed, record.reply, record.langs) == ("kept", None, None, None)


def test_an_embed_of_a_foreign_kind_does_not_lose_the_post():
    event = post("kept", embed={"$type": "com.example.embed", "record": "at://x"})

    assert look_again(line(event)).commit.record.text == "kept"


def test_a_record_without_type_is_what_its_collection_says():
    event = like("at://did:plc:b/app.bsky.feed.post/1")
    del event["commit"]["record"]["$type"]

    assert look_again(line(event)).commit.record.subject.uri == "at://did:plc:b/app.bsky.feed.post/1"


def test_the_record_of_a_deletion_is_not_looked_at():
    event = delete(LIKE)
    event["commit"]["record"] = {"anything": 1}

    assert look_again(line(event)).commit.record is None


def frame(kind, **payload):
    payload = {"$type": f"network.bsky.jetstream.subscribeEvents#{kind}", "seq": 7, "did": ALICE, **payload}
    return {"$type": "message", "payload": {"time": "2025-03-01T12:00:00.123456Z", **payload}}


def v2(event):
    """The v2 frame of a v1 commit."""
    return frame("commit", **event["commit"])


@pytest.mark.parametrize("event", [post("hi", langs=["en"]), like(), delete(), commit("com.example.thing", {"a": 1})])
def test_a_frame_of_v2_is_the_event_that_v1_has_for_it(event):
    found, expected = look_again(line(v2(event))), look_again(line(event))

    assert found.commit == expected.commit
    assert (found.did, found.kind, found.seq) == (ALICE, "commit", 7)
    assert found.time_us == NOON_US + 123_456


@pytest.mark.parametrize("kind", ["identity", "account", "sync"])
def test_a_notice_of_v2_keeps_the_relays_own_sequence_number(kind):
    event = look_again(line(frame(kind, **{kind: {"did": ALICE, "seq": 99, "active": False, "status": "deleted"}})))

    assert event.kind == kind
    assert getattr(event, kind).seq == 99


def test_a_payload_without_its_frame_is_read_too():
    assert look_again(line(v2(post("bare"))["payload"])).commit.record.text == "bare"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"$type": "error", "error": "ConsumerTooSlow"}, "an error frame of the stream"),
        (
            {"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "x"}},
            "an info frame of the stream",
        ),
        (frame("presence"), "kind: unknown value"),
        (frame("commit", operation="create", collection="a.b"), "no commit.rkey"),
        (frame("account"), "no account"),
        (frame("account", did="alice", account={}), "did: not a DID"),
        (frame("account", time="yesterday", account={}), "time: not an instant"),
        (frame("account", time="2025-03-01T12:00:00", account={}), "time: not an instant"),
        (frame("account", time="9999-03-01T12:00:00Z", account={}), "time_us: out of range"),
        (frame("account", time="1900-03-01T12:00:00Z", account={}), "time_us: out of range"),
        ({"$type": "message", "payload": []}, "not an event: Expected object, got array"),
    ],
)
def test_a_bad_frame_is_refused_with_its_own_reason(raw, reason):
    with pytest.raises(RefusedLineError) as caught:
        look_again(line(raw))

    assert caught.value.reason == reason


def test_reasons_quote_nothing_of_the_line():
    secret = "zq" * 8
    spoilt = [
        changed(post(), "kind", secret),
        changed(post(), "commit.operation", secret + "' - at `$.x`"),
        changed(post(secret), "commit.record.langs", {secret: secret}),
        changed(post(), "did", secret),
        json.dumps({secret: secret}).encode(),
        secret.encode(),
    ]

    for raw in spoilt:
        with pytest.raises(RefusedLineError) as caught:
            look_again(raw)
        assert secret not in str(caught.value)


def test_the_latest_time_is_the_end_of_the_century():
    last = int(dt.datetime(2099, 12, 31, tzinfo=dt.UTC).timestamp()) * 1_000_000

    assert look_again(changed(post(), "time_us", last)).time_us == last
