"""A small network that lives: each call of `Simulation.happen` is the next thing that somebody does."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from persona_assets.common.lexicon import BLOCK, FEED_GENERATOR, FOLLOW, LIKE, POST, PROFILE, REPOST
from persona_assets.sample import records
from persona_assets.sample.identifiers import make_did, make_tid, make_uri
from persona_assets.sample.people import Person
from persona_assets.sample.posting import Post, make_post_record
from persona_assets.sample.records import Event, Record, Ref
from persona_assets.sample.texts import pick, write_text
from persona_assets.sample.timeline import OUTSIDE, Timeline

# Shares of events, near those of a day in March 2025 but with more posts, so that few users say enough.
HAPPENINGS = {
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
REPLIES = 0.38  # of messages
QUOTES = 0.12  # of messages, replies or not
FEED_LIKES = 0.02  # of likes: of a feed generator, which is no post
CLOSINGS = 0.15  # of account events; the others say that an account is active
CLOSED = ("deleted", "takendown", "deactivated")
CREATED_BEFORE_US = 800_000  # from a client's clock to the relay's
FIRST_SEQ = 5_000_000_000


class Simulation:
    """The network's state: who is active, what was posted, and what can still be undone."""

    def __init__(self, people: Sequence[Person], personas: Sequence[str], rng: np.random.Generator) -> None:
        """Start with people who have done nothing yet.

        Args:
            people: Everybody; the status of accounts that are closed changes here.
            personas: The planted topics.
            rng: Decides everything.
        """
        self._people, self._personas, self._rng = people, personas, rng
        # Activity falls with the root of the rank: far from even, yet most people say enough.
        loudness = rng.permutation((np.arange(len(people)) + 5.0) ** -0.5)
        self._loudness = np.cumsum(loudness) / loudness.sum()
        self._timeline = Timeline(rng)
        self._undoable: defaultdict[str, list[tuple[Person, str, str]]] = defaultdict(list)
        self._standing: set[tuple[str, str, str]] = set()
        self._with_profile: set[str] = set()
        self._seq = FIRST_SEQ
        self._acts = self._name_acts()

    def _name_acts(self) -> dict[str, Callable[[Person, int], Event | None]]:
        """Return how each of `HAPPENINGS` comes about, by whom at which microsecond."""
        return {
            "post": self._post,
            **{kind: partial(self._relate, kind) for kind in COLLECTIONS},
            **{f"un{kind}": partial(self._undo, kind) for kind in COLLECTIONS},
            "post_update": self._update_post,
            "post_delete": self._delete_post,
            "profile": self._write_profile,
            "identity": self._name_account,
            "account": self._change_account,
            "foreign": self._do_elsewhere,
        }

    def happen(self, time_us: int) -> Event:
        """Return the event of `time_us`, which must be later than that of the call before."""
        while True:
            kind = list(HAPPENINGS)[int(self._rng.choice(len(HAPPENINGS), p=list(HAPPENINGS.values())))]
            event = self._acts[kind](self._draw_person(), time_us)
            # None: there was nothing to do it to. Something else happens.
            if event is not None:
                return event

    def _draw_person(self) -> Person:
        """Return somebody whose account is open, loud people more often."""
        while True:
            person = self._people[int(np.searchsorted(self._loudness, self._rng.random()))]
            if person.status == "active":
                return person

    def _post(self, author: Person, time_us: int) -> Event:
        created_us = time_us - CREATED_BEFORE_US
        parent = root = quoted = None
        if self._rng.random() < REPLIES:
            answered = self._timeline.find_answered(author)
            parent = answered.ref if answered else self._timeline.make_outside(POST, time_us)
            root = answered.root if answered else parent
        if self._rng.random() < QUOTES:
            quoted = self._timeline.find_subject(author, time_us)
        record = make_post_record(
            author, created_us, personas=self._personas, parent=parent, root=root, quoted=quoted, rng=self._rng
        )
        event = self._create(author, time_us, POST, record)
        rkey, cid = event["commit"]["rkey"], event["commit"]["cid"]
        self._timeline.add(Post(author, rkey, Ref(cid, make_uri(author.user_id, POST, rkey)), record))
        return event

    def _relate(self, kind: str, person: Person, time_us: int) -> Event | None:
        """Like or repost a post, follow or block an account; each only once."""
        if kind in {"follow", "block"}:
            subject = key = self._find_account(person)
        else:
            feed = kind == "like" and self._rng.random() < FEED_LIKES
            ref = (
                self._timeline.make_outside(FEED_GENERATOR, time_us)
                if feed
                else self._timeline.find_subject(person, time_us)
            )
            subject, key = records.write_ref(ref), ref.uri
        collection = COLLECTIONS[kind]
        if key == person.user_id or (person.user_id, collection, key) in self._standing:
            return None
        self._standing.add((person.user_id, collection, key))
        record = records.make_record(collection, time_us - CREATED_BEFORE_US, subject=subject)
        event = self._create(person, time_us, collection, record)
        self._undoable[collection].append((person, event["commit"]["rkey"], key))
        return event

    def _find_account(self, person: Person) -> str:
        """Return the account that `person` follows or blocks: mostly one whose posts it may have seen."""
        fate = self._rng.random()
        if fate < OUTSIDE:
            return make_did(self._rng)
        post = self._timeline.find_post(person)
        return post.author.user_id if post else pick(self._people, self._rng).user_id

    def _undo(self, kind: str, person: Person, time_us: int) -> Event | None:
        """Take back a like, repost, follow or block: one of this capture or, by `person`, one from before it."""
        collection = COLLECTIONS[kind]
        if self._rng.random() < OUTSIDE:
            return self._delete(person, time_us, collection, self._timeline.make_old_rkey(time_us))
        done = self._undoable[collection]
        if not done:
            return None
        owner, rkey, key = done.pop(int(self._rng.integers(len(done))))
        if owner.status != "active":
            return None
        self._standing.remove((owner.user_id, collection, key))
        return self._delete(owner, time_us, collection, rkey)

    def _update_post(self, author: Person, time_us: int) -> Event | None:
        post = self._timeline.find_own(author)
        if post is None or not post.record["text"]:
            return None
        text = write_text(author, self._personas, self._rng, answering=False)
        post.record = {name: value for name, value in post.record.items() if name != "facets"} | {"text": text}
        path = (POST, post.rkey)
        return records.wrap_commit(author.user_id, time_us, "update", path, record=post.record, rng=self._rng)

    def _delete_post(self, person: Person, time_us: int) -> Event | None:
        if self._rng.random() < OUTSIDE:
            return self._delete(person, time_us, POST, self._timeline.make_old_rkey(time_us))
        post = self._timeline.find_own(person)
        if post is None:
            return None
        post.gone = True
        return self._delete(person, time_us, POST, post.rkey)

    def _write_profile(self, person: Person, time_us: int) -> Event:
        operation = "update" if person.user_id in self._with_profile else "create"
        self._with_profile.add(person.user_id)
        fields = {"avatar": records.make_blob(self._rng), "displayName": person.handle.partition(".")[0]}
        fields["description"] = write_text(person, self._personas, self._rng, answering=False)
        record = records.make_record(PROFILE, time_us - CREATED_BEFORE_US, **fields)
        path = (PROFILE, "self")
        return records.wrap_commit(person.user_id, time_us, operation, path, record=record, rng=self._rng)

    def _name_account(self, person: Person, time_us: int) -> Event:
        return records.wrap_identity(person.user_id, time_us, handle=person.handle, seq=self._next_seq())

    def _change_account(self, person: Person, time_us: int) -> Event:
        """Close an account, or say that it is active; who is gone never comes back."""
        if self._rng.random() < CLOSINGS:
            person.status = pick(CLOSED, self._rng)
        return records.wrap_account(person.user_id, time_us, status=person.status, seq=self._next_seq())

    def _do_elsewhere(self, person: Person, time_us: int) -> Event:
        collection, record = records.make_foreign_record(person.user_id, time_us, self._rng)
        return self._create(person, time_us, collection, record)

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _create(self, person: Person, time_us: int, collection: str, record: Record) -> Event:
        path = (collection, make_tid(time_us - CREATED_BEFORE_US, self._rng))
        return records.wrap_commit(person.user_id, time_us, "create", path, record=record, rng=self._rng)

    def _delete(self, person: Person, time_us: int, collection: str, rkey: str) -> Event:
        return records.wrap_commit(person.user_id, time_us, "delete", (collection, rkey), rng=self._rng)
