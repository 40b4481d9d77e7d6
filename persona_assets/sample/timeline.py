"""The posts so far, and which of them somebody reacts to."""

from collections import defaultdict

import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample.identifiers import make_did, make_record_cid, make_tid, make_uri
from persona_assets.sample.people import Person
from persona_assets.sample.posting import Post
from persona_assets.sample.records import Ref

OWN_THREAD = 0.15  # of replies: the author goes on
SAME_CIRCLE = 0.75  # of what people react to
OUTSIDE = 0.08  # of what people react to: from before the capture, by people who are not in it
BEFORE_CAPTURE_US = 30 * 86_400_000_000
TRIES = 4  # to find a post that is not gone


class Timeline:
    """Remembers posts in the order of time."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Start empty; `rng` decides what is found."""
        self._rng = rng
        self._posts: list[Post] = []
        self._by_circle: defaultdict[str, list[Post]] = defaultdict(list)
        self._last_of: dict[str, Post] = {}

    def add(self, post: Post) -> None:
        """Remember `post`, the latest of all."""
        self._posts.append(post)
        self._by_circle[post.author.circle].append(post)
        self._last_of[post.author.user_id] = post

    def find_subject(self, person: Person, time_us: int) -> Ref:
        """Return what `person` reacts to: a post that is there, or at times a record of before the capture."""
        post = None if self._rng.random() < OUTSIDE else self.find_post(person)
        return post.ref if post else self.make_outside(POST, time_us)

    def find_answered(self, author: Person) -> Post | None:
        """Return the post that `author` answers: its own last one, or another's; None for one from outside."""
        fate = self._rng.random()
        own = self.find_own(author)
        if fate < OWN_THREAD and own is not None:
            return own
        return None if fate > 1 - OUTSIDE else self.find_post(author)

    def find_own(self, author: Person) -> Post | None:
        """Return the last post of `author`; None where there is none or it is gone."""
        post = self._last_of.get(author.user_id)
        return None if post is None or post.gone else post

    def find_post(self, person: Person) -> Post | None:
        """Return a post that `person` may have seen, mostly of its circle; None where there is none."""
        circle = self._by_circle[person.circle]
        posts = circle if circle and self._rng.random() < SAME_CIRCLE else self._posts
        for _ in range(TRIES if posts else 0):
            age = int(self._rng.exponential(20 + len(posts) / 10))
            post = posts[max(0, len(posts) - 1 - age)]
            if not post.gone and post.author.status == "active":
                return post
        return None

    def make_outside(self, collection: str, time_us: int) -> Ref:
        """Return a reference to a record that the capture does not hold."""
        rkey = self.make_old_rkey(time_us)
        return Ref(make_record_cid(self._rng), make_uri(make_did(self._rng), collection, rkey))

    def make_old_rkey(self, time_us: int) -> str:
        """Return the key of a record from weeks before `time_us`."""
        return make_tid(time_us - BEFORE_CAPTURE_US - int(self._rng.integers(BEFORE_CAPTURE_US)), self._rng)
