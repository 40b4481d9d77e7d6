"""Remember the posts of the simulation, and choose which of them a user reacts to."""

from collections import defaultdict

import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample.identifiers import make_did, make_record_cid, make_tid, make_uri
from persona_assets.sample.people import Person
from persona_assets.sample.posting import SamplePost
from persona_assets.sample.records import StrongRef

OWN_THREAD_SHARE = 0.15  # share of replies that continue the author's own thread
SAME_CIRCLE_SHARE = 0.75  # share of reactions to posts of the user's own circle
OUTSIDE_SHARE = 0.08  # share of reactions to records from before the capture, by users who are not in it
BEFORE_CAPTURE_US = 30 * 86_400_000_000  # minimum age of such records
TRIES = 4  # attempts to find a post that is not deleted


class Timeline:
    """All posts of the simulation so far, sorted by time, to draw posts from that users react to."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Start without posts; `rng` is the source of all random choices."""
        self._rng = rng
        self._posts: list[SamplePost] = []
        self._by_circle: defaultdict[str, list[SamplePost]] = defaultdict(list)
        self._last_of: dict[str, SamplePost] = {}

    def append(self, post: SamplePost) -> None:
        """Append a post, which must be later than all posts so far."""
        self._posts.append(post)
        self._by_circle[post.author.circle].append(post)
        self._last_of[post.author.user_id] = post

    def draw_subject(self, person: Person, time_us: int) -> StrongRef:
        """Draw what `person` likes or reposts: mostly a recent post, sometimes a record that is not in the capture."""
        post = None if self._rng.random() < OUTSIDE_SHARE else self.draw_recent_post(person)
        return post.ref if post else self.make_outside_ref(POST, time_us)

    def draw_post_to_answer(self, author: Person) -> SamplePost | None:
        """Draw the post that `author` replies to, sometimes its own last one; None to reply to an uncaptured post."""
        draw = self._rng.random()
        own = self.find_last_post_of(author)
        if draw < OWN_THREAD_SHARE and own is not None:
            return own
        return None if draw > 1 - OUTSIDE_SHARE else self.draw_recent_post(author)

    def find_last_post_of(self, author: Person) -> SamplePost | None:
        """Return the last post of `author`, or None if there is none or it is deleted."""
        post = self._last_of.get(author.user_id)
        return None if post is None or post.gone else post

    def draw_recent_post(self, person: Person) -> SamplePost | None:
        """Draw a recent post, mostly by users of the circle of `person`; None if `TRIES` draws find none."""
        circle = self._by_circle[person.circle]
        posts = circle if circle and self._rng.random() < SAME_CIRCLE_SHARE else self._posts
        for _ in range(TRIES if posts else 0):
            age = int(self._rng.exponential(20 + len(posts) / 10))
            post = posts[max(0, len(posts) - 1 - age)]
            if not post.gone and post.author.status == "active":
                return post
        return None

    def make_outside_ref(self, collection: str, time_us: int) -> StrongRef:
        """Return a reference to a random record that is not in the capture."""
        rkey = self.make_old_rkey(time_us)
        return StrongRef(make_record_cid(self._rng), make_uri(make_did(self._rng), collection, rkey))

    def make_old_rkey(self, time_us: int) -> str:
        """Return the key of a record that was made 30 to 60 days before `time_us`."""
        return make_tid(time_us - BEFORE_CAPTURE_US - int(self._rng.integers(BEFORE_CAPTURE_US)), self._rng)
