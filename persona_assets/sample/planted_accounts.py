"""Plant accounts that say what their data may be used for: their events, and the truth about them.

Each account posts in English on each day, and each of its texts has a word of its own, by which it is found in whatever
was written.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from persona_assets.common.lexicon import POST
from persona_assets.sample import records
from persona_assets.sample.consent_scenarios import AFTER, BEFORE, SCENARIOS, PlantedStatement, Scenario
from persona_assets.sample.identifiers import make_did, make_tid, make_uri
from persona_assets.sample.people import Person
from persona_assets.sample.records import EventJson
from persona_assets.sample.texts import generate_text

DAY_US = 86_400_000_000
POSTS_PER_DAY = 4
FIRST_SEQ = 6_000_000_000
_DELETED_AFTER_US = 60_000_000


class PlantedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Truth about a planted account: its scenario, its posts, and what `consents` must say of it."""

    user_id: str
    scenario: str
    marker: str  # a word that is in each of its texts, and in no other
    expected: dict[str, Any]  # of its row in `consents`: purposes, labels that it has, a status other than active
    expected_of_entity: dict[str, Any]  # the same with PERSONA_CONSENT_ENTITY=planted-entity.example
    posts: list[str]  # URIs of the posts that it did not delete
    deleted_posts: list[str]


class PlantedEvents(NamedTuple):
    """Events of all planted accounts, sorted by time, and the truth about each account."""

    people: list[Person]
    accounts: list[PlantedAccount]
    events: list[EventJson]

    def of_day(self, day: dt.date) -> Iterator[EventJson]:
        """Yield the events of a day (UTC)."""
        start = _start_us(day)
        return (event for event in self.events if start <= event["time_us"] < start + DAY_US)


def build_planted_accounts(start_date: dt.date, days: int, personas: Sequence[str], seed: int) -> PlantedEvents:
    """Create one account for each of `SCENARIOS`, its events, and what `consents` must say of it.

    Args:
        start_date: First day of the capture (UTC).
        days: Its number of days.
        personas: The planted personas, about which the accounts post in turn.
        seed: Seed of all random choices.
    """
    rng = np.random.default_rng([seed, len(SCENARIOS)])
    people: list[Person] = []
    accounts: list[PlantedAccount] = []
    events: list[EventJson] = []
    for number, scenario in enumerate(SCENARIOS):
        person = Person(make_did(rng), f"planted{number}.example.com", "en", personas[number % len(personas)], "right")
        marker = f"planted{rng.integers(10**11, 10**12)}"
        # A microsecond of its own, so that no two accounts act at the same time.
        span = _Span(_start_us(start_date) + number, days)
        posts, deleted, posting = _post(person, scenario, marker, span, personas=personas, rng=rng)
        said = [_make_event(person, statement, span, number, rng) for statement in scenario.statements]
        events += [*posting, *said]
        people.append(person)
        of_entity = scenario.expected if scenario.expected_of_entity is None else scenario.expected_of_entity
        accounts.append(
            PlantedAccount(
                user_id=person.user_id,
                scenario=scenario.name,
                marker=marker,
                expected=dict(scenario.expected),
                expected_of_entity=dict(of_entity),
                posts=posts,
                deleted_posts=deleted,
            )
        )
    return PlantedEvents(people, accounts, sorted(events, key=lambda event: event["time_us"]))


class _Span(NamedTuple):
    start_us: int
    days: int

    def at(self, share: float) -> int:
        return self.start_us + round(share * self.days * DAY_US / 1e6) * 1_000_000


def _start_us(day: dt.date) -> int:
    return round(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()) * 1_000_000


def _post(  # noqa: PLR0913 - what the posts of an account depend on
    person: Person, scenario: Scenario, marker: str, span: _Span, *, personas: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], list[str], list[EventJson]]:
    """Return the URIs of posts and of deleted posts, and the events; all posts are between `BEFORE` and `AFTER`."""
    total = span.days * POSTS_PER_DAY
    posts, deleted, events = list[str](), list[str](), list[EventJson]()
    for number in range(total):
        time_us = span.at(BEFORE + (AFTER - BEFORE) * (number + 0.4) / total)
        text = f"{generate_text(person, personas, rng, answering=False)} {marker}"
        path = (POST, make_tid(time_us, rng))
        record = records.make_record(POST, time_us, text=text, langs=["en"])
        events.append(records.make_commit_event(person.user_id, time_us, "create", path, record=record, rng=rng))
        is_deleted = scenario.deletes_posts and number % 2 == 1
        if is_deleted:
            gone_us = time_us + _DELETED_AFTER_US
            events.append(records.make_commit_event(person.user_id, gone_us, "delete", path, rng=rng))
        (deleted if is_deleted else posts).append(make_uri(person.user_id, *path))
    return posts, deleted, events


def _make_event(
    person: Person, statement: PlantedStatement, span: _Span, number: int, rng: np.random.Generator
) -> EventJson:
    time_us = span.at(statement.at)
    if statement.status:
        person.status = statement.status
        return records.make_account_event(person.user_id, time_us, status=statement.status, seq=FIRST_SEQ + number)
    path = (statement.collection, statement.key)
    record = None
    if statement.record is not None:
        record = {"$type": statement.collection, **statement.record}
    return records.make_commit_event(person.user_id, time_us, statement.operation, path, record=record, rng=rng)
