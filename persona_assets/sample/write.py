"""Write a sample capture to disk, whole or not at all, with the truth about it beside it."""

import datetime as dt
import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from persona_assets.common.lexicon import POST, QUOTING_EMBEDS
from persona_assets.sample import deliver
from persona_assets.sample.manifest import MAKER, SampleManifest
from persona_assets.sample.people import Person, make_people
from persona_assets.sample.put_in_place import put_in_place, refuse_foreign
from persona_assets.sample.records import Event
from persona_assets.sample.simulate import Simulation
from persona_assets.sample.topics import TOPICS

EVENTS_A_USER_AND_DAY = 14
USERS_A_PERSONA = 4  # at least


class Counts(NamedTuple):
    """What a sample holds, by kind of event, of message, of damage, and of line delivered twice by day."""

    events: Counter[str]
    messages: Counter[str]
    malformed: Counter[str]
    duplicates: Counter[str]


def write_capture(  # noqa: PLR0913 - the size of a sample has as many sides
    out: Path | str,
    *,
    days: int,
    start_date: dt.date,
    users: int,
    personas: int,
    seed: int,
    force: bool = False,
) -> SampleManifest:
    """Make a capture in folder `out`, and beside it `out.truth.jsonl` and `out.manifest.json`.

    The same arguments give the same bytes. A sample that was made here before is replaced; the files of a
    capture are in place all at once. The whole of a sample is held in memory: 0.5 kB an event.

    Args:
        out: A folder that does not exist, is empty, or holds an untouched sample.
        days: How many, from `start_date`. At least 1.
        start_date: The first day, UTC.
        users: How many accounts; three quarters write English. At least 4 for each persona.
        personas: How many topics are planted. From 1 to 10.
        seed: Of every random choice. Not negative.
        force: Replace whatever is at `out`.

    Returns:
        What `out.manifest.json` says.

    Raises:
        ValueError: An argument is out of range; says which and its range.
        FileExistsError: `out` holds something that was not made here.
    """
    out = Path(os.path.abspath(out))  # noqa: PTH100 - resolve() would follow a link, which is replaced itself
    _check_arguments(days=days, users=users, personas=personas, seed=seed)
    if not force:
        refuse_foreign(out)
    rng = np.random.default_rng(seed)
    people, topics = make_people(users, personas, rng), list(TOPICS)[:personas]
    dates = [start_date + dt.timedelta(day) for day in range(days)]
    files, counts = _make_files(people, topics, dates, rng)
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
    )
    put_in_place(out, files, _write_truth(people), manifest)
    return manifest


def _check_arguments(*, days: int, users: int, personas: int, seed: int) -> None:
    if days < 1:
        raise ValueError(f"days is {days}: ask for 1 or more")
    if not 1 <= personas <= len(TOPICS):
        raise ValueError(f"personas is {personas}: ask for 1 to {len(TOPICS)}, or write topics.py on")
    if users < USERS_A_PERSONA * personas:
        raise ValueError(f"users is {users}: ask for {USERS_A_PERSONA} or more for each of {personas} personas")
    if seed < 0:
        raise ValueError(f"seed is {seed}: ask for 0 or more")


def _make_files(
    people: list[Person], topics: list[str], dates: list[dt.date], rng: np.random.Generator
) -> tuple[dict[str, bytes], Counts]:
    """Return the files of all days, and what was put in them, counted."""
    simulation = Simulation(people, topics, rng)
    files: dict[str, bytes] = {}
    counts = Counts(Counter(), Counter(), Counter(), Counter())
    for day in dates:
        times = deliver.draw_times(day, len(people) * EVENTS_A_USER_AND_DAY, rng)
        events = [simulation.happen(time_us) for time_us in times]
        good = [deliver.Delivery(event["time_us"], msgspec.json.encode(event)) for event in events]
        again = deliver.repeat_some(good, rng)
        bad, damages = deliver.damage_some(good, rng)
        files |= deliver.fill_files(day, [*good, *again, *bad], rng)
        counts.events.update(map(_name_kind, events))
        counts.messages.update(_name_message(event) for event in events if _name_kind(event) == f"{POST} create")
        counts.malformed.update(damages)
        counts.duplicates[f"{day}"] += len(again)
    return files, counts


def _name_kind(event: Event) -> str:
    if event["kind"] != "commit":
        return str(event["kind"])
    return f"{event['commit']['collection']} {event['commit']['operation']}"


def _name_message(event: Event) -> str:
    record = event["commit"]["record"]
    quotes = (record.get("embed") or {}).get("$type", "") in QUOTING_EMBEDS
    replies = record.get("reply") is not None
    return ("reply that quotes" if replies else "quote") if quotes else ("reply" if replies else "post")


def _write_truth(people: list[Person]) -> bytes:
    """Return a line for each user: who it is, its persona or null, its language, its tagging, its last status."""
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
