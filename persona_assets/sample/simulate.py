"""Simulate a small social network: each call of `Simulation.next_event` returns the next event."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from persona_assets.common.lexicon import BLOCK, FEED_GENERATOR, FOLLOW, LIKE, POST, PROFILE, REPOST
from persona_assets.sample import records
from persona_assets.sample.identifiers import make_did, make_tid, make_uri
from persona_assets.sample.people import Person
from persona_assets.sample.posting import SamplePost, make_post_record
from persona_assets.sample.records import EventJson, RecordJson, StrongRef
from persona_assets.sample.texts import draw_item, generate_text
from persona_assets.sample.timeline import OUTSIDE_SHARE, Timeline

# Shares of the kinds of events. Near those of a day in March 2025, but with more posts, because a sample has few users
# and each has to write enough.
EVENT_SHARES = {
    "post": 0.21,
    "like": 0.47,
    "repost": 0.08,
    "follow": 0.10,
    "block": 0.015,
    "unlike": 0.03,
    "unrepost": 0.012,
    "unfollow": 0.02,
    "unblock": 0.005,
    "post_update": 0.006,
    "post_delete": 0.015,
    "profile": 0.012,
    "identity": 0.005,
    "account": 0.005,
    "foreign": 0.015,
}
COLLECTIONS = {"like": LIKE, "repost": REPOST, "follow": FOLLOW, "block": BLOCK}
REPLY_SHARE = 0.38  # share of messages that are replies
QUOTE_SHARE = 0.12  # share of messages that quote; they may also be replies
FEED_LIKE_SHARE = 0.02  # share of likes whose subject is a feed generator instead of a post
CLOSED_ACCOUNT_SHARE = 0.15  # share of account events that close an account; the others say that it is active
CLOSED_STATUSES = ("deleted", "takendown", "deactivated")
CLIENT_LEAD_US = 800_000  # from the time in a record, set by the client, to the time of the event at the relay
FIRST_SEQ = 5_000_000_000


class Simulation:
    """A simulated social network, which draws one event after the other: accounts, posts and other actions."""

    def __init__(self, people: Sequence[Person], personas: Sequence[str], rng: np.random.Generator) -> None:
        """Start without posts and actions.

        Args:
            people: All users. The simulation changes the status of accounts that it closes.
            personas: The planted personas.
            rng: Source of all random choices.
        """
        self._people, self._personas, self._rng = people, personas, rng
        # Activity is proportional to 1 / sqrt(rank + 5): uneven, but most users write enough posts.
        activity = rng.permutation((np.arange(len(people)) + 5.0) ** -0.5)
        self._activity = np.cumsum(activity) / activity.sum()
        self._timeline = Timeline(rng)
        self._undoable: defaultdict[str, list[tuple[Person, str, str]]] = defaultdict(list)
        self._existing: set[tuple[str, str, str]] = set()
        self._with_profile: set[str] = set()
        self._seq = FIRST_SEQ
        self._actions = self._list_actions()

    def _list_actions(self) -> dict[str, Callable[[Person, int], EventJson | None]]:
        """Return the function for each kind in `EVENT_SHARES`; it takes the user and the time in microseconds."""
        return {
            "post": self._post,
            **{kind: partial(self._relate, kind) for kind in COLLECTIONS},
            **{f"un{kind}": partial(self._undo, kind) for kind in COLLECTIONS},
            "post_update": self._update_post,
            "post_delete": self._delete_post,
            "profile": self._write_profile,
            "identity": self._confirm_handle,
            "account": self._change_account,
            "foreign": self._create_foreign_record,
        }

    def next_event(self, time_us: int) -> EventJson:
        """Draw the next event of the network at `time_us` (microseconds since 1970), later than the one before."""
        while True:
            kind = list(EVENT_SHARES)[int(self._rng.choice(len(EVENT_SHARES), p=list(EVENT_SHARES.values())))]
            event = self._actions[kind](self._draw_person(), time_us)
            # None: there is nothing to act on, such as no post to delete. Draw again.
            if event is not None:
                return event

    def _draw_person(self) -> Person:
        """Return a random user with an active account, weighted by activity."""
        while True:
            person = self._people[int(np.searchsorted(self._activity, self._rng.random()))]
            if person.status == "active":
                return person

    def _post(self, author: Person, time_us: int) -> EventJson:
        created_us = time_us - CLIENT_LEAD_US
        parent = root = quoted = None
        if self._rng.random() < REPLY_SHARE:
            answered = self._timeline.draw_post_to_answer(author)
            parent = answered.ref if answered else self._timeline.make_outside_ref(POST, time_us)
            root = answered.root if answered else parent
        if self._rng.random() < QUOTE_SHARE:
            quoted = self._timeline.draw_subject(author, time_us)
        record = make_post_record(
            author, created_us, personas=self._personas, parent=parent, root=root, quoted=quoted, rng=self._rng
        )
        event = self._create(author, time_us, POST, record)
        rkey, cid = event["commit"]["rkey"], event["commit"]["cid"]
        self._timeline.append(SamplePost(author, rkey, StrongRef(cid, make_uri(author.user_id, POST, rkey)), record))
        return event

    def _relate(self, kind: str, person: Person, time_us: int) -> EventJson | None:
        """Like or repost a post, or follow or block an account. Returns None if the user has already done it."""
        if kind in {"follow", "block"}:
            subject = key = self._find_account(person)
        else:
            feed = kind == "like" and self._rng.random() < FEED_LIKE_SHARE
            ref = (
                self._timeline.make_outside_ref(FEED_GENERATOR, time_us)
                if feed
                else self._timeline.draw_subject(person, time_us)
            )
            subject, key = records.to_ref_json(ref), ref.uri
        collection = COLLECTIONS[kind]
        if key == person.user_id or (person.user_id, collection, key) in self._existing:
            return None
        self._existing.add((person.user_id, collection, key))
        record = records.make_record(collection, time_us - CLIENT_LEAD_US, subject=subject)
        event = self._create(person, time_us, collection, record)
        self._undoable[collection].append((person, event["commit"]["rkey"], key))
        return event

    def _find_account(self, person: Person) -> str:
        """Return the DID to follow or block: mostly that of a user whose posts `person` may have seen."""
        draw = self._rng.random()
        if draw < OUTSIDE_SHARE:
            return make_did(self._rng)
        post = self._timeline.draw_recent_post(person)
        return post.author.user_id if post else draw_item(self._people, self._rng).user_id

    def _undo(self, kind: str, person: Person, time_us: int) -> EventJson | None:
        """Undo a random like, repost, follow or block of this capture, or one of `person` from before the capture."""
        collection = COLLECTIONS[kind]
        if self._rng.random() < OUTSIDE_SHARE:
            return self._delete(person, time_us, collection, self._timeline.make_old_rkey(time_us))
        done = self._undoable[collection]
        if not done:
            return None
        owner, rkey, key = done.pop(int(self._rng.integers(len(done))))
        if owner.status != "active":
            return None
        self._existing.remove((owner.user_id, collection, key))
        return self._delete(owner, time_us, collection, rkey)

    def _update_post(self, author: Person, time_us: int) -> EventJson | None:
        post = self._timeline.find_last_post_of(author)
        if post is None or not post.record["text"]:
            return None
        text = generate_text(author, self._personas, self._rng, answering=False)
        post.record = {name: value for name, value in post.record.items() if name != "facets"} | {"text": text}
        path = (POST, post.rkey)
        return records.make_commit_event(author.user_id, time_us, "update", path, record=post.record, rng=self._rng)

    def _delete_post(self, person: Person, time_us: int) -> EventJson | None:
        if self._rng.random() < OUTSIDE_SHARE:
            return self._delete(person, time_us, POST, self._timeline.make_old_rkey(time_us))
        post = self._timeline.find_last_post_of(person)
        if post is None:
            return None
        post.gone = True
        return self._delete(person, time_us, POST, post.rkey)

    def _write_profile(self, person: Person, time_us: int) -> EventJson:
        operation = "update" if person.user_id in self._with_profile else "create"
        self._with_profile.add(person.user_id)
        fields = {"avatar": records.make_blob(self._rng), "displayName": person.handle.partition(".")[0]}
        fields["description"] = generate_text(person, self._personas, self._rng, answering=False)
        record = records.make_record(PROFILE, time_us - CLIENT_LEAD_US, **fields)
        path = (PROFILE, "self")
        return records.make_commit_event(person.user_id, time_us, operation, path, record=record, rng=self._rng)

    def _confirm_handle(self, person: Person, time_us: int) -> EventJson:
        return records.make_identity_event(person.user_id, time_us, handle=person.handle, seq=self._next_seq())

    def _change_account(self, person: Person, time_us: int) -> EventJson:
        """Return an account event that closes the account for ever, or says that it is active."""
        if self._rng.random() < CLOSED_ACCOUNT_SHARE:
            person.status = draw_item(CLOSED_STATUSES, self._rng)
        return records.make_account_event(person.user_id, time_us, status=person.status, seq=self._next_seq())

    def _create_foreign_record(self, person: Person, time_us: int) -> EventJson:
        collection, record = records.make_unread_record(person.user_id, time_us, self._rng)
        return self._create(person, time_us, collection, record)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _create(self, person: Person, time_us: int, collection: str, record: RecordJson) -> EventJson:
        path = (collection, make_tid(time_us - CLIENT_LEAD_US, self._rng))
        return records.make_commit_event(person.user_id, time_us, "create", path, record=record, rng=self._rng)

    def _delete(self, person: Person, time_us: int, collection: str, rkey: str) -> EventJson:
        return records.make_commit_event(person.user_id, time_us, "delete", (collection, rkey), rng=self._rng)
