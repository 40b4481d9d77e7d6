"""Which posts simulated users react to."""

import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample.people import Person
from persona_assets.sample.posting import SamplePost
from persona_assets.sample.records import StrongRef
from persona_assets.sample.timeline import Timeline

NOW_US = 1_741_000_000_000_000


def person(name, *, persona="chess"):
    return Person(f"did:plc:{name}", f"{name}.example.com", "en", persona, "right")


def post(author, rkey="3k"):
    return SamplePost(author, rkey, StrongRef("bafyrei", f"at://{author.user_id}/{POST}/{rkey}"), {"text": "x"})


def timeline(*posts):
    made = Timeline(np.random.default_rng(2))
    for one in posts:
        made.append(one)
    return made


def test_an_empty_timeline_gives_records_outside_the_capture():
    empty = timeline()

    assert empty.draw_recent_post(person("a")) is None
    assert empty.draw_post_to_answer(person("a")) is None
    assert empty.draw_subject(person("a"), NOW_US).uri.startswith("at://did:plc:")


def test_deleted_posts_and_closed_accounts_get_no_reactions():
    gone, closed = post(person("a")), post(person("b"))
    gone.gone, closed.author.status = True, "deleted"
    made = timeline(gone, closed)

    assert all(made.draw_recent_post(person("c")) is None for _ in range(50))
    assert made.find_last_post_of(gone.author) is None


def test_people_mostly_react_to_their_own_circle():
    mine, theirs = post(person("a")), post(person("b", persona="baking"))
    made = timeline(mine, theirs)
    reader = person("c")

    found = [made.draw_recent_post(reader) for _ in range(200)]

    assert found.count(mine) > found.count(theirs) > 0


def test_an_old_record_key_is_weeks_before():
    assert timeline().make_old_rkey(NOW_US) < timeline().make_outside_ref(POST, NOW_US + 10**14).uri[-13:]
