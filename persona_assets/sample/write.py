"""Generate a sample capture, and write it atomically together with the planted personas and a manifest."""

import datetime as dt
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from persona_assets.common.lexicon import POST, QUOTING_EMBEDS
from persona_assets.sample import delivery
from persona_assets.sample.manifest import MAKER, SampleManifest
from persona_assets.sample.people import Person, make_people
from persona_assets.sample.planted_accounts import PlantedEvents, build_planted_accounts
from persona_assets.sample.put_in_place import put_in_place, refuse_to_overwrite
from persona_assets.sample.records import EventJson
from persona_assets.sample.simulate import Simulation
from persona_assets.sample.topics import TOPICS

EVENTS_PER_USER_DAY = 14
MIN_USERS_PER_PERSONA = 4


class SampleCounts(NamedTuple):
    """Numbers of events by kind, messages by form, damaged lines and second deliveries in a sample capture."""

    events: Counter[str]  # by kind, collection and operation
    messages: Counter[str]  # new messages: post, reply, quote, or reply that quotes
    malformed: Counter[str]  # by what is wrong with the line
    duplicates: Counter[str]  # lines that are delivered a second time, by day


def write_capture(  # noqa: PLR0913 - the parameters of a sample
    out: Path | str,
    *,
    days: int,
    start_date: dt.date,
    users: int,
    personas: int,
    seed: int,
    consent: bool = False,
    force: bool = False,
) -> SampleManifest:
    """Generate a sample capture in the folder `out`, with `<out>.truth.jsonl` and `<out>.manifest.json` next to it.

    The same arguments give the same bytes. An earlier sample at `out` is replaced atomically. The whole sample is in
    memory, 0.5 kB per event.

    Args:
        out: A folder that does not exist, is empty, or has an unchanged sample.
        days: Number of days, at least 1.
        start_date: The first day (UTC).
        users: Number of accounts, at least 4 per persona. Three quarters write English.
        personas: Number of planted personas, 1 to 10.
        seed: Seed of all random choices, at least 0.
        consent: Whether to plant accounts of each of `consent_scenarios.SCENARIOS` beside the users.
        force: Whether to replace any content of `out`.

    Returns:
        The content of `<out>.manifest.json`.

    Raises:
        ValueError: An argument is out of range. The message names it and the range.
        FileExistsError: `out` has other content.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100 - resolve() would follow a link, which is replaced itself
    _check_arguments(days=days, users=users, personas=personas, seed=seed)
    if not force:
        refuse_to_overwrite(out)
    rng = np.random.default_rng(seed)
    people, topics = make_people(users, personas, rng), list(TOPICS)[:personas]
    dates = [start_date + dt.timedelta(day) for day in range(days)]
    planted = build_planted_accounts(start_date, days, topics, seed) if consent else PlantedEvents([], [], [])
    files, counts = _make_files(people, topics, dates, rng, planted)
    manifest = SampleManifest(
        made_by=MAKER,
        start_date=start_date,
        days=days,
        users=users,
        personas=topics,
        seed=seed,
        files=len(files),
        bytes=sum(map(len, files.values())),
        lines=sum(counter.total() for counter in (counts.events, counts.malformed, counts.duplicates)),
        events=counts.events.total(),
        kinds=dict(sorted(counts.events.items())),
        messages=dict(sorted(counts.messages.items())),
        malformed=dict(sorted(counts.malformed.items())),
        duplicates=counts.duplicates.total(),
        planted=tuple(planted.accounts),
    )
    put_in_place(out, files, _write_truth([*people, *planted.people]), manifest)
    return manifest


def _check_arguments(*, days: int, users: int, personas: int, seed: int) -> None:
    if days < 1:
        raise ValueError(f"days is {days}: ask for 1 or more")
    if not 1 <= personas <= len(TOPICS):
        raise ValueError(f"personas is {personas}: ask for 1 to {len(TOPICS)}, or add topics to topics.py")
    if users < MIN_USERS_PER_PERSONA * personas:
        raise ValueError(f"users is {users}: ask for {MIN_USERS_PER_PERSONA} or more for each of {personas} personas")
    if seed < 0:
        raise ValueError(f"seed is {seed}: ask for 0 or more")


def _make_files(
    people: list[Person],
    topics: list[str],
    dates: list[dt.date],
    rng: np.random.Generator,
    planted: PlantedEvents,
) -> tuple[dict[str, bytes], SampleCounts]:
    """Return the content of the files of all days by path, and the counts of their lines."""
    simulation = Simulation(people, topics, rng)
    files: dict[str, bytes] = {}
    counts = SampleCounts(Counter(), Counter(), Counter(), Counter())
    for day in dates:
        times = delivery.draw_times(day, len(people) * EVENTS_PER_USER_DAY, rng)
        events = [simulation.next_event(time_us) for time_us in times]
        good = [delivery.Delivery(event["time_us"], msgspec.json.encode(event)) for event in events]
        again = delivery.draw_second_deliveries(good, rng)
        bad, damage_counts = delivery.draw_damaged_lines(good, rng)
        for event in planted.of_day(day):  # after what is drawn, which stays the same without them
            events.append(event)
            good.append(delivery.Delivery(event["time_us"], msgspec.json.encode(event)))
        files |= delivery.build_day_files(day, [*good, *again, *bad], rng)
        counts.events.update(map(_describe_kind, events))
        counts.messages.update(
            _describe_message(event) for event in events if _describe_kind(event) == f"{POST} create"
        )
        counts.malformed.update(damage_counts)
        counts.duplicates[f"{day}"] += len(again)
    return files, counts


def _describe_kind(event: EventJson) -> str:
    if event["kind"] != "commit":
        return str(event["kind"])
    return f"{event['commit']['collection']} {event['commit']['operation']}"


def _describe_message(event: EventJson) -> str:
    record = event["commit"]["record"]
    quotes = (record.get("embed") or {}).get("$type", "") in QUOTING_EMBEDS
    replies = record.get("reply") is not None
    return ("reply that quotes" if replies else "quote") if quotes else ("reply" if replies else "post")


def _write_truth(people: list[Person]) -> bytes:
    """Return one JSON line per user: its id, planted persona or null, language, language tagging and last status."""
    encoder = msgspec.json.Encoder()
    lines = [
        encoder.encode(
            {
                "user_id": person.user_id,
                "persona": person.persona,
                "language": person.language,
                "tagging": person.tagging,
                "status": person.status,
            }
        )
        for person in sorted(people, key=lambda person: person.user_id)
    ]
    return b"".join(line + b"\n" for line in lines)
