"""Plant accounts that refuse, delete and leave into a capture: events as a server sends them, with words to scan for.

This module writes JSON by hand and imports nothing of the package, so that a test that scans for the words shares
nothing with what it tests.
"""

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import NamedTuple

DAYS = ("2025-03-01", "2025-03-02")
ENTITY = "lab.example"
PEOPLE_OF_A_KIND = 2  # two, so that a word of theirs may become a phrase
SENTENCES = (
    "I have been reading about {0} all morning and it is still the best thing in the world",
    "What do you think about {0} when the weather in the garden is as good as it was today",
    "My friends and I are going to see {0} again because the last time was so much fun",
)

AI, INTENTS = "community.lexicon.preference.ai", "org.user-intents.declaration"
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, PROFILE = "app.bsky.graph.follow", "app.bsky.actor.profile"


class Kind(NamedTuple):
    """A kind of planted account: the word that only its posts have, and what the two accounts of the kind do."""

    name: str

    @property
    def word(self) -> str:
        return f"zqx{self.name.replace('_', '')}word"

    @property
    def ids(self) -> list[str]:
        return [f"did:plc:zqx{self.name.replace('_', '')}{number}" for number in range(PEOPLE_OF_A_KIND)]

    def texts(self, number: int) -> list[str]:
        return [sentence.format(f"{self.word} {number}") for sentence in SENTENCES]


# Refusals of one purpose each, by each kind of record; before, between and after the posts.
TRAINING, EMBEDDING, INFERENCE = Kind("training"), Kind("embedding"), Kind("inference")
SYNTHETIC, INTENT, SCOPED, OF_COLLECTION = Kind("synthetic"), Kind("intent"), Kind("scoped"), Kind("of_collection")
CHANGED, SILENT_AGAIN, OTHER_ENTITY = Kind("changed"), Kind("silent_again"), Kind("other_entity")
GONE, TAKEN_DOWN, DEACTIVATED, REACTIVATED = Kind("gone"), Kind("takendown"), Kind("deactivated"), Kind("reactivated")
DELETER, PLAIN = Kind("deleter"), Kind("plain")
KINDS = (
    TRAINING, EMBEDDING, INFERENCE, SYNTHETIC, INTENT, SCOPED, OF_COLLECTION, CHANGED, SILENT_AGAIN, OTHER_ENTITY,
    GONE, TAKEN_DOWN, DEACTIVATED, REACTIVATED, DELETER, PLAIN,
)  # fmt: skip
# What only the posts that `DELETER` deletes say; their other posts have the kind's own word.
DELETED_WORD = "zqxdeletedpostword"


def write(capture: Path) -> None:
    """Add a file of planted events to each of the two days of a capture."""
    events = {day: [] for day in DAYS}
    for kind in KINDS:
        for number, user in enumerate(kind.ids):
            _write_posts(events, kind, number, user)
    for kind, second, statements in _list_statements():
        for user in kind.ids:
            for day, event in statements(user):
                events[day].append({"did": user, "time_us": _time(day, 20, second), **event})
    _act_on_all(events)
    for day, lines in events.items():
        lines.sort(key=lambda event: event["time_us"])
        content = "".join(json.dumps(event) + "\n" for event in lines)
        folder = capture / f"bluesky-{day[:7]}" / day[-2:] / "23"  # as `persona_assets.sample` lays out a capture
        (folder / "planted.jsonl").write_text(content, encoding="utf-8")


def _write_posts(events, kind, number, user):
    for day, (key, text) in itertools.product(DAYS, enumerate(kind.texts(number))):
        at = _time(day, 10, 60 * key + number)
        events[day].append(_commit(user, at, POST, f"{day[-1]}{key}", {"text": text, "langs": ["en"]}))
    if kind is DELETER:
        day, text = DAYS[0], SENTENCES[0].format(f"{DELETED_WORD} {number}")
        events[day].append(_commit(user, _time(day, 11, number), POST, "gone", {"text": text, "langs": ["en"]}))
        events[DAYS[1]].append(_commit(user, _time(DAYS[1], 9, number), POST, "gone", None, "delete"))


def _list_statements():
    """Yield (kind, second of its hour, function from a user to its statements as (day, event))."""
    first, last = DAYS
    say = _say
    yield TRAINING, 1, lambda _: [(last, say({"training": False}))]
    yield EMBEDDING, 2, lambda _: [(first, say({"embedding": False}))]
    yield INFERENCE, 3, lambda _: [(last, say({"inference": False}))]
    yield SYNTHETIC, 4, lambda _: [(first, say({"syntheticContent": False}))]
    yield INTENT, 5, lambda _: [(last, _intend("syntheticContentGeneration"))]
    yield SCOPED, 6, lambda _: [(last, say({"training": False}, key="3k2a", scope=("entity", ENTITY)))]
    yield OF_COLLECTION, 7, lambda _: [(last, say({"training": False}, key="3k2b", scope=("collection", POST)))]
    yield CHANGED, 8, lambda _: [(first, say({"training": True})), (last, say({"training": False}, "update"))]
    yield SILENT_AGAIN, 9, lambda _: [(first, say({"training": False})), (last, _withdraw())]
    yield OTHER_ENTITY, 10, lambda _: [(last, say({"training": False}, key="3k2c", scope=("entity", "else.example")))]
    yield GONE, 11, lambda user: [(last, _status(user, "deleted"))]
    yield TAKEN_DOWN, 12, lambda user: [(last, _status(user, "takendown"))]
    yield DEACTIVATED, 13, lambda user: [(first, _status(user, None)), (last, _status(user, "deactivated"))]
    yield REACTIVATED, 14, lambda user: [(first, _status(user, "deactivated")), (last, _status(user, None))]


def _act_on_all(events):
    """Let the plain accounts answer, quote, like, repost and follow all others, and the others act on each other."""
    number = itertools.count()
    for kind, day in itertools.product(KINDS, DAYS):
        for actor, target in [(PLAIN.ids[0], kind.ids[0]), (kind.ids[1], PLAIN.ids[1]), (kind.ids[0], kind.ids[1])]:
            uri = f"at://{target}/{POST}/{day[-1]}0"
            ref = {"uri": uri, "cid": "bafyreig"}
            reply = {"root": ref, "parent": ref}
            quote = {"$type": "app.bsky.embed.record", "record": ref}
            text = "That is what I would have said about it as well, and the others think so too"
            word = next(one.word for one in KINDS if actor in one.ids)
            for collection, record in [
                (POST, {"text": f"{text}, {word}", "reply": reply, "langs": ["en"]}),
                (POST, {"text": f"{text} every time, {word}", "embed": quote, "langs": ["en"]}),
                (LIKE, {"subject": ref}),
                (REPOST, {"subject": ref}),
                (FOLLOW, {"subject": target}),
            ]:
                key = next(number)
                events[day].append(_commit(actor, _time(day, 15, key), collection, f"k{key}", record))
        user = kind.ids[0]
        profile = {"description": f"All about {kind.word} and nothing else"}
        events[day].append(_commit(user, _time(day, 16, next(number)), PROFILE, "self", profile, "update"))


def _time(day: str, hour: int, second: int) -> int:
    midnight = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
    return int((midnight + dt.timedelta(hours=hour, seconds=second)).timestamp()) * 1_000_000


_revisions = itertools.count(10**9)


def _commit(user, at, collection, key, record, operation="create"):  # noqa: PLR0913, PLR0917 - the parts of an event
    return {"did": user, "time_us": at, **_change(collection, key, record, operation)}


def _change(collection, key, record, operation="create"):
    commit = {"rev": f"3l{next(_revisions)}a", "operation": operation, "collection": collection, "rkey": key}
    if record is not None:
        commit |= {"record": {"$type": collection, "createdAt": "2025-03-01T00:00:00Z", **record}, "cid": "bafyreig"}
    return {"kind": "commit", "commit": commit}


def _say(allowed, operation="create", *, key="self", scope=("global", None)):
    name, value = scope
    scope = {"$type": f"{AI}#{name}Scope"} | ({name: value} if value else {})
    preferences = {purpose: {"allow": allow, "updatedAt": "2025-03-01T00:00:00Z"} for purpose, allow in allowed.items()}
    return _change(AI, key, {"preferences": preferences, "scope": scope}, operation)


def _intend(intent):
    return _change(INTENTS, "self", {intent: {"allow": False, "updatedAt": "2025-03-01T00:00:00Z"}})


def _withdraw():
    return _change(AI, "self", None, "delete")


def _status(user, status):
    account = {"active": status is None, "did": user, "seq": next(_revisions), "time": "2025-03-01T00:00:00Z"}
    return {"kind": "account", "account": account | ({"status": status} if status else {})}
