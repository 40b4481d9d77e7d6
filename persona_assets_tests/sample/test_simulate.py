"""The simulated network is consistent: reactions, undone actions, closed accounts."""

import numpy as np
import pytest

from persona_assets.common.lexicon import BLOCK, FEED_GENERATOR, FOLLOW, LIKE, POST, REPOST
from persona_assets.sample.people import make_people
from persona_assets.sample.simulate import EVENT_SHARES, Simulation

FIRST_US = 1_740_787_200_000_000
SUBJECTS = (LIKE, REPOST)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(4)
    simulation = Simulation(make_people(80, 3, rng), ["gardening", "astronomy", "football"], rng)
    return [simulation.next_event(FIRST_US + number * 1_000_000) for number in range(6000)]


def commits(events, operation, *collections):
    for event in events:
        commit = event.get("commit")
        if commit and commit["operation"] == operation and commit["collection"] in collections:
            yield event, commit


def uri(event, commit):
    return f"at://{event['did']}/{commit['collection']}/{commit['rkey']}"


def test_event_shares_sum_to_one():
    assert abs(sum(EVENT_SHARES.values()) - 1) < 1e-9


def test_every_kind_of_event_occurs(events):
    seen = {(commit["operation"], commit["collection"]) for event in events if (commit := event.get("commit"))}

    assert {event["kind"] for event in events} == {"commit", "identity", "account"}
    assert {
        (operation, kind) for operation in ("create", "delete") for kind in (POST, LIKE, REPOST, FOLLOW, BLOCK)
    } < seen
    assert ("update", POST) in seen


def test_users_react_to_existing_posts_or_to_records_outside_the_capture(events):
    people = {event["did"] for event in events}
    posted, gone = set(), set()
    for event in events:
        commit = event.get("commit")
        if commit and commit["collection"] == POST:
            {"create": posted, "delete": gone, "update": set()}[commit["operation"]].add(uri(event, commit))
        if commit and commit["collection"] in SUBJECTS and commit["operation"] == "create":
            subject = commit["record"]["subject"]["uri"]
            assert subject in posted - gone or subject.split("/")[2] not in people


def test_some_likes_are_of_feed_generators(events):
    assert any(
        f"/{FEED_GENERATOR}/" in commit["record"]["subject"]["uri"] for _, commit in commits(events, "create", LIKE)
    )


def test_a_reply_has_the_root_of_its_parent(events):
    roots = {uri(event, commit): commit["record"] for event, commit in commits(events, "create", POST)}

    answered = 0
    for record in list(roots.values()):
        reply = record.get("reply")
        if reply and reply["parent"]["uri"] in roots:
            parent = roots[reply["parent"]["uri"]]
            expected = parent["reply"]["root"] if parent.get("reply") else reply["parent"]
            assert reply["root"] == expected
            answered += 1
    assert answered > 100


def test_an_undone_action_is_the_same_users_or_from_before_the_capture(events):
    made = {}
    for index, event in enumerate(events):
        if (commit := event.get("commit")) and commit["operation"] == "create":
            made[uri(event, commit)] = index
    known = [
        made[uri(event, commit)] < index
        for index, event in enumerate(events)
        if (commit := event.get("commit"))
        and commit["operation"] in {"delete", "update"}
        and uri(event, commit) in made
    ]

    assert len(known) > 100
    assert all(known)


def test_a_closed_account_has_no_later_events(events):
    closed = set()
    for event in events:
        assert event["did"] not in closed
        if event["kind"] == "account" and not event["account"]["active"]:
            closed.add(event["did"])
    assert closed


def test_nobody_likes_twice_or_follows_themselves(events):
    likes = set()
    for event in events:
        commit = event.get("commit")
        if commit and commit["collection"] == LIKE:
            if commit["operation"] == "create":
                pair = (event["did"], commit["record"]["subject"]["uri"])
                assert pair not in {like[:2] for like in likes if like[0] == event["did"]}
                likes.add((*pair, commit["rkey"]))
            else:
                likes = {like for like in likes if (like[0], like[2]) != (event["did"], commit["rkey"])}
    for event, commit in commits(events, "create", FOLLOW, BLOCK):
        assert commit["record"]["subject"] != event["did"]
