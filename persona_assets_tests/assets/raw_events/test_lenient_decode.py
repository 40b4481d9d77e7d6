import datetime as dt
import json

import msgspec
import pytest

from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.assets.raw_events.lenient_decode import (
    RejectedValue,
    decode_line_leniently,
    decode_object_leniently,
)
from persona_assets.assets.raw_events.rejection_reasons import NotAnEventError
from persona_assets_tests.assets.raw_events.builders import (
    ALICE,
    LIKE,
    NOON_US,
    POST,
    account,
    commit,
    delete,
    embed_record,
    embed_record_with_media,
    identity,
    like,
    line,
    post,
)


def changed(event, path, value):
    """The line of an event with one field changed, or removed if `value` is None."""
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
        line(commit("com.example.thing", {"x": 0})).replace(b": 0", b":" + b"[" * 100_000 + b"]" * 100_000),
        "nested too deeply",
    ),
    "nested without an end": (b"[" * 100_000, "nested too deeply"),
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
    "time_us a date": (changed(post(), "time_us", "2025-03-01T12:00:00Z"), "time_us: Expected int, got str"),
    "time_us a fraction": (changed(post(), "time_us", 0.5), "time_us: Expected int, got float"),
    "time_us far away, as text": (changed(post(), "time_us", "9" * 30), "time_us: out of range"),
    "a collection of two segments": (
        changed(post(), "commit.collection", "bsky.post"),
        "commit.collection: not an NSID",
    ),
    "a collection with a text in it": (
        changed(post(), "commit.collection", "com.example.hello world"),
        "commit.collection: not an NSID",
    ),
    "a collection of 416 kB": (
        changed(post(), "commit.collection", "com." + "example." * 52_000 + "thing"),
        "commit.collection: not an NSID",
    ),
    "a record key with a slash": (changed(post(), "commit.rkey", "a/b"), "commit.rkey: not a record key"),
    "a record key of a parent folder": (changed(post(), "commit.rkey", ".."), "commit.rkey: not a record key"),
    "a record key of 513 characters": (changed(post(), "commit.rkey", "k" * 513), "commit.rkey: too long"),
    "a revision of a novel": (changed(post(), "commit.rev", "r" * 1000), "commit.rev: too long"),
    "a DID of 2,049 characters": (changed(post(), "did", "did:web:" + "a" * 2041), "did: not a DID"),
    "a like of a uri of 9,000 characters": (
        changed(like(), "commit.record.subject.uri", "at://" + "a" * 9000),
        "commit.record.subject.uri: too long",
    ),
    "a follow of 3,000 characters": (commit(FOLLOW, {"subject": "d" * 3000}), "commit.record.subject: too long"),
    "a reply to 9,000 characters": (
        post(reply={"parent": {"uri": "a" * 9000}}),
        "commit.record.reply.parent.uri: too long",
    ),
    "a DID that is none": (changed(post(), "did", "alice.example"), "did: not a DID"),
    "an empty DID": (changed(post(), "did", ""), "did: not a DID"),
    "a DID without an id": (changed(post(), "did", "did:plc:"), "did: not a DID"),
    "an unknown kind": (changed(post(), "kind", "presence"), "kind: unknown value"),
    "an unknown operation": (changed(post(), "commit.operation", "merge"), "commit.operation: unknown value"),
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
def test_an_invalid_line_is_rejected_with_its_reason(raw, reason):
    with pytest.raises(NotAnEventError) as caught:
        decode_object_leniently(line(raw))

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
def test_spaces_line_ends_and_a_byte_order_mark_around_an_event_are_ignored(event):
    expected = decode_object_leniently(line(event))

    for raw in (line(event) + b"\r", b"\xef\xbb\xbf" + line(event), b"  " + line(event) + b" "):
        assert decode_object_leniently(raw) == expected


@pytest.mark.parametrize("event", [post(), post(langs=["en"]), like(), account(), identity(), delete(POST)])
def test_fast_and_slow_path_decode_the_same_event(event):
    (fast,) = BlockDecoder().decode(line(event))

    assert msgspec.to_builtins(decode_object_leniently(line(event))) == msgspec.to_builtins(fast)


def test_null_counts_as_absent():
    (record,) = [decode_object_leniently(line(post("kept", embed=None, reply=None, langs=None))).commit.record]

    assert (record.text, record.embed, record.reply, record.langs) == ("kept", None, None, None)


def test_a_post_with_an_embed_of_an_unknown_kind_is_kept():
    event = post("kept", embed={"$type": "com.example.embed", "record": "at://x"})

    assert decode_object_leniently(line(event)).commit.record.text == "kept"


def test_a_record_without_type_has_the_type_of_its_collection():
    event = like("at://did:plc:b/app.bsky.feed.post/1")
    del event["commit"]["record"]["$type"]

    assert decode_object_leniently(line(event)).commit.record.subject.uri == "at://did:plc:b/app.bsky.feed.post/1"


def test_the_record_of_a_deletion_is_ignored():
    event = delete(LIKE)
    event["commit"]["record"] = {"anything": 1}

    assert decode_object_leniently(line(event)).commit.record is None


def frame(kind, **payload):
    payload = {"$type": f"network.bsky.jetstream.subscribeEvents#{kind}", "seq": 7, "did": ALICE, **payload}
    return {"$type": "message", "payload": {"time": "2025-03-01T12:00:00.123456Z", **payload}}


def v2(event):
    """The v2 frame of a v1 commit."""
    return frame("commit", **event["commit"])


@pytest.mark.parametrize("event", [post("hi", langs=["en"]), like(), delete(), commit("com.example.thing", {"a": 1})])
def test_a_v2_frame_is_decoded_to_the_v1_event(event):
    found, expected = decode_object_leniently(line(v2(event))), decode_object_leniently(line(event))

    assert found.commit == expected.commit
    assert (found.did, found.kind, found.seq) == (ALICE, "commit", 7)
    assert found.time_us == NOON_US + 123_456


@pytest.mark.parametrize("kind", ["identity", "account", "sync"])
def test_a_v2_event_without_commit_keeps_the_relays_sequence_number(kind):
    event = decode_object_leniently(
        line(frame(kind, **{kind: {"did": ALICE, "seq": 99, "active": False, "status": "deleted"}}))
    )

    assert event.kind == kind
    assert getattr(event, kind).seq == 99


def test_a_v2_payload_without_frame_is_decoded():
    assert decode_object_leniently(line(v2(post("bare"))["payload"])).commit.record.text == "bare"


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
def test_an_invalid_v2_frame_is_rejected_with_its_reason(raw, reason):
    with pytest.raises(NotAnEventError) as caught:
        decode_object_leniently(line(raw))

    assert caught.value.reason == reason


LISTS = [
    b"%s%s",
    b"%s %s",
    b"%s,%s",
    b"%s\t, %s",
    b"[%s,%s]",
    b"[ %s , %s ]\r",
    b"[%s,%s,",
    b"%s,%s]",
    b"\xef\xbb\xbf[%s,%s]",
    b"\x1e%s\x1e%s",
]


@pytest.mark.parametrize("form", LISTS)
def test_all_events_on_a_line_are_decoded(form):
    one, other = line(post("one")), line(like())

    assert list(decode_line_leniently(form % (one, other))) == [
        decode_object_leniently(one),
        decode_object_leniently(other),
    ]


@pytest.mark.parametrize("form", [b"%s,", b"%s]", b"[%s", b"[%s],", b"\x1e%s", b" %s , \r"])
def test_an_item_of_an_array_that_spans_lines_is_decoded(form):
    event = line(post("one"))

    assert list(decode_line_leniently(form % event)) == [decode_object_leniently(event)]


@pytest.mark.parametrize("raw", [b"[", b"]", b"],", b",", b"[]", b" [ \r", b"[["])
def test_a_line_of_brackets_is_rejected_as_such(raw):
    assert [found.reason for found in decode_line_leniently(raw)] == ["a JSON array's bracket"]


def test_each_object_of_a_line_is_rejected_with_its_own_reason():
    good, bad, cut = line(like()), b'{"a": {}}', line(post())[:-9]

    assert list(decode_line_leniently(good + bad + good + cut)) == [
        decode_object_leniently(good),
        RejectedValue("no did", bad),
        decode_object_leniently(good),
        RejectedValue("truncated JSON", cut),
    ]
    assert list(decode_line_leniently(bad + good)) == [RejectedValue("no did", bad), decode_object_leniently(good)]


@pytest.mark.parametrize("raw", [b"[1, 2]", b"[[1]]", b'["x"]', b"[" + b"{}," * 99 + b"{}]", b"[1, 2", b"[null]"])
def test_an_array_of_other_values_is_rejected_as_such(raw):
    assert list(decode_line_leniently(raw)) == [RejectedValue("a JSON array of something else", raw)]


@pytest.mark.parametrize("rest", [b";", b"]}}}", b"}", b" garbage", b", 5", b"null"])
def test_a_line_with_anything_beside_objects_is_rejected_as_a_whole(rest):
    """The line may be the rest of a cut line, whose first object is a part of a record: it must not become an event."""
    raw = line(post()) + rest

    assert list(decode_line_leniently(raw)) == [RejectedValue("more than one value on the line", raw)]


def test_millions_of_brackets_and_empty_objects_are_one_rejected_value():
    for raw in (b"[" * 1_000_000, b"{}" * 1_000_000, b"[" + b"{}," * 1_000_000 + b"{}]"):
        assert len(list(decode_line_leniently(raw))) == 1


def wrap(event, *names):
    for name in names:
        event = {"received": 5, name: event, "source": {"host": "relay", "port": [1]}}
    return event


@pytest.mark.parametrize("names", [["event"], ["data"], ["payload", "message"], ["a", "b", "c"]])
@pytest.mark.parametrize("make", [post, account, lambda: v2(like())])
def test_an_event_wrapped_in_a_field_is_decoded(make, names):
    event = make()

    assert decode_object_leniently(line(wrap(event, *names))) == decode_object_leniently(line(event))


def test_an_event_wrapped_in_four_objects_is_rejected():
    assert [found.reason for found in decode_line_leniently(line(wrap(post(), *"abcd")))] == ["no did"]


def test_an_object_with_events_in_two_fields_is_rejected():
    assert [found.reason for found in decode_line_leniently(line({"a": post(), "b": like()}))] == [
        "several fields hold an event"
    ]


@pytest.mark.parametrize("spoil", ["commit.record.text", "did", "time_us", "kind"])
def test_an_event_inside_a_record_is_never_decoded(spoil):
    forged = like(user="did:plc:cccccccccccccccccccccccc")
    event = post()
    event["commit"]["record"]["x"] = forged

    for raw in (changed(event, spoil, -5), line(wrap(json.loads(changed(event, spoil, -5)), "event"))):
        (found,) = decode_line_leniently(raw)
        assert isinstance(found, RejectedValue)
    frame_of_it = v2(event)
    del frame_of_it["payload"]["did"]
    assert [found.reason for found in decode_line_leniently(line(frame_of_it))] == ["no did"]


@pytest.mark.parametrize("write", [str, float, lambda number: f"{number}.0"])
def test_numbers_written_as_strings_or_floats_are_decoded(write):
    as_written, expected = account(seq=12), decode_object_leniently(line(account(seq=12)))
    as_written["time_us"] = write(NOON_US)
    as_written["account"]["seq"] = write(12)

    assert decode_object_leniently(line(as_written)) == expected
    assert (
        decode_object_leniently(line(post("a", rkey="k", rev="r") | {"time_us": write(NOON_US), "seq": write(7)})).seq
        == 7
    )


def old(event):
    """An event in the format before October 2024."""
    event = json.loads(json.dumps(event))
    event["type"] = {"commit": "com", "account": "acc", "identity": "id"}[event.pop("kind")]
    if "commit" in event:
        event["commit"]["type"] = event["commit"].pop("operation")[0]
    return event


@pytest.mark.parametrize(
    "event", [post("a"), like(), delete(), account(), identity(), commit(POST, {"text": "x"}, operation="update")]
)
def test_the_format_before_october_2024_is_decoded(event):
    assert decode_object_leniently(line(old(event))) == decode_object_leniently(line(event))


def test_an_invalid_event_of_the_old_format_is_rejected_with_its_reason():
    event = old(post())
    event["commit"]["type"] = "x"

    assert [found.reason for found in decode_line_leniently(line(event))] == ["commit.type: unknown value"]


NOBODY = {"uri": None, "cid": None}


@pytest.mark.parametrize(
    "reply", [None, {}, {"parent": None}, {"parent": NOBODY, "root": NOBODY}, {"parent": {}, "root": {}}]
)
def test_a_reply_to_nothing_is_a_post(reply):
    (fast,) = BlockDecoder().decode(line(post("kept", reply=reply)))

    assert fast.commit.record.text == "kept"
    assert decode_object_leniently(line(post("kept", reply=reply))).commit.record.text == "kept"


@pytest.mark.parametrize("embed", [embed_record(None), embed_record_with_media(None), {"record": {}}])
def test_a_quote_of_nothing_is_a_post(embed):
    (fast,) = BlockDecoder().decode(line(post("kept", embed=embed)))

    assert fast.commit.record.text == "kept"


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
        with pytest.raises(NotAnEventError) as caught:
            decode_object_leniently(raw)
        assert secret not in str(caught.value)
        assert all(secret not in found.reason for found in decode_line_leniently(raw))


def test_the_latest_time_is_the_end_of_the_century():
    last = int(dt.datetime(2099, 12, 31, tzinfo=dt.UTC).timestamp()) * 1_000_000

    assert decode_object_leniently(changed(post(), "time_us", last)).time_us == last
