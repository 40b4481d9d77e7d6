import datetime as dt

import pytest

from persona_assets.common.lexicon import POST
from persona_assets.sample.consent_scenarios import SCENARIOS
from persona_assets.sample.planted_accounts import POSTS_PER_DAY, build_planted_accounts
from persona_assets.sample.topics import TOPICS

START, DAYS = dt.date(2025, 2, 28), 2
PERSONAS = list(TOPICS)[:2]


@pytest.fixture(scope="module")
def planted():
    return build_planted_accounts(START, DAYS, PERSONAS, seed=7)


def uris_of(events, operation):
    chosen = [event for event in events if event["kind"] == "commit" and event["commit"]["collection"] == POST]
    chosen = [event for event in chosen if event["commit"]["operation"] == operation]
    return {f"at://{event['did']}/{POST}/{event['commit']['rkey']}" for event in chosen}


def test_there_is_an_account_of_each_scenario_and_its_events_are_of_the_days(planted):
    assert [account.scenario for account in planted.accounts] == [scenario.name for scenario in SCENARIOS]
    of_days = [list(planted.of_day(START + dt.timedelta(day))) for day in range(DAYS)]
    assert [event for events in of_days for event in events] == planted.events
    assert all(of_days)


def test_the_truth_names_the_posts_that_stay_and_those_that_are_deleted(planted):
    created, deleted = uris_of(planted.events, "create"), uris_of(planted.events, "delete")

    assert deleted == {uri for account in planted.accounts for uri in account.deleted_posts}
    assert created - deleted == {uri for account in planted.accounts for uri in account.posts}
    assert len(created) == len(SCENARIOS) * DAYS * POSTS_PER_DAY


def test_each_text_has_the_word_of_its_account_and_no_other(planted):
    markers = {account.user_id: account.marker for account in planted.accounts}

    assert len(set(markers.values())) == len(SCENARIOS)
    for event in planted.events:
        if event["kind"] == "commit" and event["commit"]["collection"] == POST and "record" in event["commit"]:
            text = event["commit"]["record"]["text"]
            assert [marker for marker in markers.values() if marker in text] == [markers[event["did"]]]


def test_the_same_seed_plants_the_same_accounts(planted):
    assert build_planted_accounts(START, DAYS, PERSONAS, seed=7) == planted
    assert build_planted_accounts(START, DAYS, PERSONAS, seed=8).accounts != planted.accounts
