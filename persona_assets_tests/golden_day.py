"""A small capture day that is written by hand, event by event, with the expected result of each asset.

All users and texts are invented. The expected values do not come from the code under test. Rows of `raw_events` and
`user_actions` are built here from the same arguments as the JSON of the event. English posts, kept users, lines and
accounting are written by hand. The day has every type of action, unusual records, other line formats, damaged lines,
and examples of the differences from the reference that need neither a model nor several clusters (ARCHITECTURE.md,
"Where we differ from the reference").
"""

import gzip
import json
from typing import NamedTuple

from persona_assets_tests.processed_day import DAY

NOON_US = 1_740_830_400_000_000
POST = "app.bsky.feed.post"
COLLECTIONS = {
    "like": "app.bsky.feed.like",
    "repost": "app.bsky.feed.repost",
    "follow": "app.bsky.graph.follow",
    "block": "app.bsky.graph.block",
}
PROFILE = "app.bsky.actor.profile"
PLAIN_FILE, GZIP_FILE = f"{DAY}/12.jsonl", f"{DAY}/13.jsonl.gz"


def _account(name):
    return f"did:plc:{name:a<24}"


ANN, BEN, CAT, DAN, EVE, FAY, GUS, HAL, IDA = map(
    _account, ("ann", "ben", "cat", "dan", "eve", "fay", "gus", "hal", "ida")
)
ELSEWHERE = _account("elsewhere")  # writes nothing on this day


def uri_of(user, key, collection=POST):
    return f"at://{user}/{collection}/{key}"


def time_of(second):
    return NOON_US + second * 1_000_000


class Planted(NamedTuple):
    """An event of the day, its row of `raw_events`, and its row of `user_actions` unless it is no action.

    Rows are without the columns that are null.
    """

    event: dict
    row: dict
    action: dict | None


def _commit(  # noqa: PLR0913 - the parts of a commit
    user, second, operation, collection, key, *, record=None, columns=None, action=None
):
    rev = f"3l{second:011}"
    body = {"rev": rev, "operation": operation, "collection": collection, "rkey": key}
    if record is not None:
        body |= {"record": {"$type": collection, "createdAt": "2025-03-01T11:59:00.000Z", **record}, "cid": "bafyrei"}
    event = {"did": user, "time_us": time_of(second), "kind": "commit", "commit": body}
    who = {"user_id": user, "event_time_us": time_of(second)}
    named = {"kind": "commit", "collection": collection, "operation": operation, "rkey": key, "rev": rev}
    acted = {**who, "uri": uri_of(user, key, collection), **(columns or {}), **action} if action else None
    if acted:
        acted = {name: value for name, value in acted.items() if name not in {"subject_uri", "subject_did"}}
    return Planted(event, who | named | (columns or {}), acted)


def _post(  # noqa: PLR0913 - the parts of a post
    user, second, key, text, *, langs=None, answers=None, root=None, quotes=None, with_picture=False, odd=None
):
    """A post, reply to `answers` in the thread of `root`, or quote of `quotes`; `odd` are additional fields."""
    record, columns = {"text": text, **(odd or {})}, {"text": text}
    if langs is not None:
        record["langs"] = columns["langs"] = langs
    action = {"action": "post"}
    if answers:
        record["reply"] = {"parent": {"uri": answers, "cid": "b"}, "root": {"uri": root or answers, "cid": "b"}}
        columns |= {"parent_uri": answers, "root_uri": root or answers}
        action = {"action": "reply", "target_uri": answers, "target_user_id": answers.split("/")[2]}
    if quotes:
        quoted = {"$type": "app.bsky.embed.record", "record": {"uri": quotes, "cid": "b"}}
        pictures = {"$type": "app.bsky.embed.images", "images": []}
        with_media = {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": pictures}
        record["embed"] = with_media if with_picture else quoted
        columns["quoted_uri"] = quotes
        action = {"action": "quote", "target_uri": quotes, "target_user_id": quotes.split("/")[2]}
    return _commit(user, second, "create", POST, key, record=record, columns=columns, action=action)


def _do(user, second, act, key, subject):
    """A like or repost of the record `subject`, or a follow or block of the account `subject`."""
    if act in {"like", "repost"}:
        record, columns = {"subject": {"uri": subject, "cid": "b"}}, {"subject_uri": subject}
        action = {"action": act, "target_uri": subject, "target_user_id": subject.split("/")[2]}
    else:
        record, columns = {"subject": subject}, {"subject_did": subject}
        action = {"action": act, "target_user_id": subject}
    return _commit(user, second, "create", COLLECTIONS[act], key, record=record, columns=columns, action=action)


def _undo(user, second, act, key):
    """The deletion of the like, repost, follow or block whose record key is `key`."""
    return _commit(user, second, "delete", COLLECTIONS[act], key, action={"action": f"un{act}"})


def _on_own(user, second, operation, collection, key, **columns):
    """An update or deletion of the user's own post, or an update of its profile."""
    fields = {"text": "description"} if collection == PROFILE else {}
    record = {fields.get(name, name): value for name, value in columns.items()} if operation != "delete" else None
    name = "profile_update" if collection == PROFILE else f"post_{operation}"
    action = {"action": name, "target_uri": uri_of(user, key, collection), "target_user_id": user}
    return _commit(user, second, operation, collection, key, record=record, columns=columns, action=action)


def _of_account(user, second, kind, *, columns=None, action=None, **body):
    """An identity, account or sync event."""
    event = {"did": user, "time_us": time_of(second), "kind": kind, kind: {"did": user, **body}}
    who = {"user_id": user, "event_time_us": time_of(second)}
    return Planted(event, {**who, "kind": kind, **(columns or {})}, {**who, **action} if action else None)


BREAD, SMELL, RECIPE = uri_of(ANN, "bread"), uri_of(BEN, "smell"), uri_of(ANN, "recipe")
GARDEN, LOOK, SUNSET = uri_of(BEN, "garden"), uri_of(GUS, "look"), uri_of(EVE, "sunset")
LOST = uri_of(BEN, "lost")  # from before the day, deleted on it
OLD = uri_of(ELSEWHERE, "old")

ONCE = _post(DAN, 11, "once", "I only ever wrote this one sentence on the whole internet", langs=["en"])
LIKED_TWICE = _do(BEN, 22, "like", "l6", RECIPE)
UPDATED = _on_own(ANN, 36, "update", POST, "bread", text="I baked a loaf of bread and it is already gone", langs=["en"])

EVENTS = [
    _post(ANN, 1, "bread", "I baked a loaf of bread this morning and it smells wonderful", langs=["en"]),
    # The reference keeps posts tagged exactly "en"; a null embed costs it the post.
    _post(
        BEN,
        2,
        "garden",
        "The tomatoes in my garden are finally ripe and ready to eat",
        langs=["en-US"],
        odd={"embed": None},
    ),
    _post(
        BEN,
        3,
        "smell",
        "That sounds delicious, please share the recipe with all of us",
        langs=["en-US"],
        answers=BREAD,
    ),
    _post(
        ANN,
        4,
        "recipe",
        "Flour, water, salt and a lot of patience, that is all you need",
        answers=SMELL,
        root=BREAD,
    ),
    # Quotes are posts, with and without media. In the reference they count neither for the filter nor as targets.
    _post(GUS, 5, "look", "Look at this, my neighbour can really bake good bread at home", quotes=BREAD),
    _post(
        GUS,
        6,
        "ripe",
        "My own tomatoes are still green and it is getting cold outside",
        langs=[],
        quotes=GARDEN,
        with_picture=True,
    ),
    # A reply that quotes: it is in its thread, and it acts on what it quotes.
    _post(
        BEN,
        7,
        "agree",
        "I agree with both of you, this bread must be the best in town",
        langs=["en-US"],
        answers=RECIPE,
        root=BREAD,
        quotes=LOOK,
    ),
    # A second reply to a message makes a second path.
    _post(GUS, 8, "more", "Could you bake one more loaf for me next weekend, please?", langs=["en"], answers=BREAD),
    # Not English, though tagged so.
    _post(CAT, 9, "sakura", "今日はとても天気がいいので、公園で桜を見てきました", langs=["en"]),
    _post(CAT, 10, "ramen", "昨日の夜は友達と一緒においしいラーメンを食べました", langs=["en"]),
    ONCE,
    # Blank texts are not English, whatever their tag.
    _post(EVE, 12, "picture", "", langs=["en"], odd={"embed": {"$type": "app.bsky.embed.images", "images": []}}),
    _post(EVE, 13, "spaces", "   ", langs=["en"]),
    _post(EVE, 14, "sunset", "The sunset over the harbour was the most beautiful I have seen", langs=["en"]),
    _post(FAY, 15, "brot", "Heute habe ich zum ersten Mal ein Brot mit Sauerteig gebacken", langs=["de"]),
    _post(FAY, 16, "markt", "Auf dem Markt gab es heute leider keine frischen Erdbeeren mehr", langs=["de"]),
    _do(ANN, 17, "like", "l1", SUNSET),  # by a user who is not kept: still a target
    _do(ANN, 18, "like", "l2", uri_of(FAY, "brot")),
    _do(ANN, 19, "like", "l3", uri_of(EVE, "picture")),
    _do(BEN, 20, "like", "l4", uri_of(ANN, "bread", "app.bsky.feed.generator")),  # has the record key of a post
    _do(BEN, 21, "like", "l5", OLD),
    LIKED_TWICE,
    _do(CAT, 23, "like", "l7", BREAD),
    _undo(ANN, 24, "like", "l1"),
    _undo(BEN, 25, "like", "unknown"),
    _do(BEN, 26, "repost", "r1", LOOK),
    _undo(BEN, 27, "repost", "r1"),
    _do(GUS, 28, "repost", "r2", RECIPE),
    _do(ANN, 29, "follow", "f1", BEN),
    _undo(ANN, 30, "follow", "f1"),
    _do(BEN, 31, "follow", "f2", HAL),
    _do(GUS, 32, "block", "b1", EVE),
    _undo(GUS, 33, "block", "b1"),
    _do(GUS, 34, "block", "b2", CAT),
    _undo(GUS, 35, "follow", "unknown"),
    UPDATED,
    _on_own(BEN, 37, "delete", POST, "garden"),
    _on_own(BEN, 38, "delete", POST, "lost"),
    # Profiles: the reference writes none.
    _on_own(ANN, 39, "create", PROFILE, "self", text="I bake, and I write about it."),
    _on_own(ANN, 40, "update", PROFILE, "self"),
    _on_own(EVE, 41, "create", PROFILE, "self", text="Pictures of the sea"),
    _of_account(HAL, 42, "identity", columns={"seq": 1}, seq=1, handle="hal.test"),
    _of_account(
        HAL,
        43,
        "account",
        columns={"account_active": False, "account_status": "deleted", "seq": 2},
        action={"action": "account_status", "account_status": "deleted"},
        active=False,
        status="deleted",
        seq=2,
    ),
    _of_account(
        BEN,
        44,
        "account",
        columns={"account_active": True, "seq": 3},
        action={"action": "account_status", "account_status": "active"},
        active=True,
        seq=3,
    ),
    _commit(ANN, 45, "create", "app.bsky.feed.threadgate", "bread", record={"allow": [], "post": BREAD}),
    _commit(GUS, 46, "create", "xyz.statusphere.status", "s1", record={"status": "🙂"}),
    _do(GUS, 47, "like", "l8", GARDEN),  # deleted later: it could be seen before
    _do(GUS, 48, "like", "l9", LOST),
    _of_account(ANN, 49, "sync", columns={"rev": "3l00000000049"}, rev="3l00000000049"),
    # A thread started by a user who is not kept, and a reply to an unknown record.
    _post(GUS, 50, "harbour", "Which harbour is this, I would love to go there with my family", answers=SUNSET),
    _post(BEN, 51, "late", "I am late to this but I think that you were right all along", answers=OLD),
    _post(
        ANN, 52, "bonjour", "Bonjour à tous, demain je vais faire du pain avec mes enfants à la maison", langs=["fr"]
    ),
    # Unusual but valid records.
    _post(
        IDA,
        60,
        "null-parent",
        "This answers nothing, whatever its application has written there",
        langs=["en"],
        odd={"reply": {"parent": {"uri": None, "cid": None}, "root": {"uri": None, "cid": None}}},
    ),
    _post(IDA, 61, "null-reply", "There are applications that write out what is not there", odd={"reply": None}),
    _post(
        IDA,
        62,
        "line-ends",
        "This is the first line\nand this is the second\u2028and the third one 🙂\tthe end of it",
        langs=["en", "ja"],
    ),
]

# Events in other line formats than Jetstream's, each line with the events in it.
_TEXTS = (
    "The database gave every number back as a string of digits",
    "The recorder has put a wrapper around every event of the day",
    "This is how the stream looked like before October of that year",
    "This is how the second version of the stream writes the events",
    "There is one event on this line and then there is another one",
    "There is another event on this line and nothing between them",
    "The tool wrote all the events of the day as one single array",
    "The second event of the array is as good as the first one was",
)
STRING, WRAPPED, OLD_FORM, FRAME, FIRST, SECOND, ARRAY_FIRST, ARRAY_SECOND = (
    _post(IDA, 63 + number, f"form-{number}", text, langs=["en"]) for number, text in enumerate(_TEXTS)
)


def _as_json(value):
    return json.dumps(value, ensure_ascii=False).encode()


def _before_october_2024(event):
    commit = {name: value for name, value in event["commit"].items() if name != "operation"} | {"type": "c"}
    return {"did": event["did"], "time_us": event["time_us"], "type": "com", "commit": commit}


def _as_frame(event, *, seq):
    payload = {"$type": "network.bsky.jetstream.subscribeEvents#commit", "did": event["did"], "seq": seq}
    return {"$type": "message", "payload": {**payload, "time": "2025-03-01T12:01:06Z", **event["commit"]}}


FRAME_SEQ = 7001
LINES_IN_OTHER_FORMS = [
    _as_json(STRING.event | {"time_us": str(STRING.event["time_us"])}),
    _as_json({"event": WRAPPED.event}),
    _as_json(_before_october_2024(OLD_FORM.event)),
    _as_json(_as_frame(FRAME.event, seq=FRAME_SEQ)),
    _as_json(FIRST.event) + _as_json(SECOND.event),
    _as_json([ARRAY_FIRST.event, ARRAY_SECOND.event]),
]
IN_OTHER_FORMS = [
    *(STRING, WRAPPED, OLD_FORM),
    FRAME._replace(row=FRAME.row | {"seq": FRAME_SEQ}),
    *(FIRST, SECOND, ARRAY_FIRST, ARRAY_SECOND),
]

# Lines that are no events, and the expected reason.
_ANY = _as_json(EVENTS[0].event)
BAD_LINES = [
    (b"<<<<<<< HEAD", "git conflict marker"),
    (b"=======", "git conflict marker"),
    (_ANY[: len(_ANY) // 2], "truncated JSON"),
    (_ANY.replace(b"loaf", b"lo\xffaf"), "not UTF-8"),
    (b"", "empty line"),
    (b"[1, 2, 3]", "a JSON array of something else"),
    (_as_json({"did": ANN, "time_us": NOON_US, "kind": "commit"}), "no commit"),
    (_as_json(EVENTS[0].event | {"did": "ann"}), "did: not a DID"),
    (_as_json(_commit(ANN, 1, "create", COLLECTIONS["like"], "l", record={}).event), "no commit.record.subject"),
    (_as_json(EVENTS[0].event | {"time_us": None}), "time_us: Expected int, got null"),
]


def _at_another_time(planted, time_us):
    """The same event with the time of another recorder."""
    return planted._replace(event=planted.event | {"time_us": time_us}, row=planted.row | {"event_time_us": time_us})


# Duplicates: one with the same time, two with the later time of another recorder.
DELIVERED_AGAIN = [
    ONCE,
    _at_another_time(LIKED_TWICE, time_of(71) + 1),
    _at_another_time(UPDATED, time_of(71) + 2),
]


def write_capture(root):
    """Write the day below `root`: a plain file with a bad line after every fifth event, and a gzip file."""
    half = len(EVENTS) // 2
    later = [_as_json(planted.event) for planted in (*reversed(EVENTS[half:]), *DELIVERED_AGAIN)]
    files = {
        PLAIN_FILE: b"".join(line + b"\n" for line in _plain_lines(half)),
        GZIP_FILE: gzip.compress(b"".join(line + b"\n" for line in [*later, *LINES_IN_OTHER_FORMS]), mtime=0),
    }
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def _plain_lines(half):
    bad = [line for line, _ in BAD_LINES]
    for number, planted in enumerate(EVENTS[:half]):
        yield _as_json(planted.event)
        if number % 5 == 4 and bad:
            yield bad.pop(0)
    yield from bad


# --- expected results

RAW_EVENTS = sorted(
    (planted.row for planted in (*EVENTS, *IN_OTHER_FORMS, *DELIVERED_AGAIN)), key=lambda row: row["event_time_us"]
)
REJECTED = [
    {
        "source_file": PLAIN_FILE,
        "line_number": list(_plain_lines(len(EVENTS) // 2)).index(line) + 1,
        "reason": reason,
        "raw": line,
        "raw_bytes": len(line),
    }
    for line, reason in BAD_LINES
]
USER_ACTIONS = sorted(
    (planted.action for planted in (*EVENTS, *IN_OTHER_FORMS) if planted.action),
    key=lambda row: (row["action"], row["event_time_us"]),
)
NO_ACTION = {"identity": 1, "sync": 1, "app.bsky.feed.threadgate create": 1, "xyz.statusphere.status create": 1}

# The posts kept, and why they are English.
ENGLISH = {
    "declared_and_detected": {
        *(BREAD, GARDEN, SMELL, SUNSET, uri_of(BEN, "agree"), uri_of(GUS, "more"), uri_of(DAN, "once")),
        *(uri_of(IDA, key) for key in ("null-parent", "line-ends", *(f"form-{number}" for number in range(8)))),
    },
    "detected": {
        *(RECIPE, LOOK, uri_of(GUS, "ripe"), uri_of(GUS, "harbour"), uri_of(BEN, "late"), uri_of(IDA, "null-reply")),
    },
}
NOT_ENGLISH = {
    "other_detected_against_declared": 2,  # Japanese, tagged en
    "other_detected": 3,  # German and French
    "no_words": 2,
}

ENGLISH_USERS = [
    {"user_id": ANN, "posts": 3, "english_posts": 2, "english_share": 2 / 3},
    {"user_id": BEN, "posts": 4, "english_posts": 4, "english_share": 1.0},
    {"user_id": GUS, "posts": 4, "english_posts": 4, "english_share": 1.0},
    {"user_id": IDA, "posts": 11, "english_posts": 11, "english_share": 1.0},
]
OTHER_USERS = {
    "0 of 2 English posts": 2,  # CAT and FAY
    "1 of 2 English posts": 2,  # DAN, whose post was delivered twice, and EVE, who also wrote blank posts
}

ACTION_KEYS = (
    *("like", "unlike", "repost", "unrepost", "follow", "unfollow", "block", "unblock"),
    *("post_update", "post_delete", "profile_update", "quote", "ignore"),
)


def _say(key):
    """A message of a line: that of the post with this record key."""
    (row,) = [planted.row for planted in (*EVENTS, *IN_OTHER_FORMS) if _is_post(planted.row, key)]
    text = {"text": row["text"]} if row["text"] else {}
    return {"user_id": row["user_id"], **text, "unix_epoch": row["event_time_us"]}


def _is_post(row, key):
    return (row.get("collection"), row.get("operation"), row.get("rkey")) == (POST, "create", key)


def _act(user, second, action, text=None):
    said = {"text": text} if text else {}
    return {
        "user_id": user,
        "actions": {name: name == action for name in ACTION_KEYS},
        "unix_epoch": time_of(second),
        **said,
    }


def _quote(key):
    said = _say(key)
    return said | {"actions": {name: name == "quote" for name in ACTION_KEYS}}


# In the order of the file: by the time of the last item of a line; the conversation of a quote before its quote action.
LINES = [
    [_say("garden")],
    [_say("look")],
    [_say("bread"), _quote("look")],
    [_say("ripe")],
    [_say("garden"), _quote("ripe")],
    [_say("bread"), _say("smell"), _say("recipe"), _say("agree")],
    [_say("look"), _quote("agree")],
    [_say("bread"), _say("more")],
    [_say("sunset"), _act(ANN, 17, "like")],
    [_say("recipe"), _act(BEN, 22, "like")],
    [_say("sunset"), _act(ANN, 24, "unlike")],
    [_say("look"), _act(BEN, 26, "repost")],
    [_say("look"), _act(BEN, 27, "unrepost")],
    [_say("recipe"), _act(GUS, 28, "repost")],
    [_say("agree"), _act(ANN, 29, "follow")],  # BEN's last English post until then, which is a quote
    [_say("agree"), _act(ANN, 30, "unfollow")],
    [_say("sunset"), _act(GUS, 32, "block")],
    [_say("sunset"), _act(GUS, 33, "unblock")],
    [_say("bread"), _act(ANN, 36, "post_update", "I baked a loaf of bread and it is already gone")],
    [_say("garden"), _act(BEN, 37, "post_delete")],
    [_act(ANN, 39, "profile_update", "I bake, and I write about it.")],
    [_act(ANN, 40, "profile_update")],
    [_say("garden"), _act(GUS, 47, "like")],
    [_say("sunset"), _say("harbour")],
    [_say("late")],
    [_say("bonjour")],
    [_say("null-parent")],
    [_say("null-reply")],
    [_say("line-ends")],
    *([_say(f"form-{number}")] for number in range(8)),
]

ACCOUNTING = {
    (0, "post", "written"): 14,
    (0, "reply", "written"): 5,
    (0, "quote", "written"): 3,
    (0, "like", "written"): 3,
    (0, "like", "target not English"): 1,
    (0, "like", "target without words"): 1,
    (0, "like", "target not a post"): 1,
    (0, "like", "target outside the window"): 1,
    (0, "like", "target deleted"): 1,
    (0, "unlike", "written"): 1,
    (0, "unlike", "unknown original"): 1,
    (0, "repost", "written"): 2,
    (0, "unrepost", "written"): 1,
    (0, "follow", "written"): 1,
    (0, "follow", "no post before the act"): 1,
    (0, "unfollow", "written"): 1,
    (0, "unfollow", "unknown original"): 1,
    (0, "block", "written"): 1,
    (0, "block", "no post before the act"): 1,
    (0, "unblock", "written"): 1,
    (0, "post_update", "written"): 1,
    (0, "post_delete", "written"): 1,
    (0, "post_delete", "target outside the window"): 1,
    (0, "profile_update", "written"): 2,
    (0, "account_status", "no line for this kind"): 1,
    (None, "post", "user not kept"): 8,
    (None, "like", "user not kept"): 1,
    (None, "profile_update", "user not kept"): 1,
    (None, "account_status", "user not kept"): 1,
}
