"""How a day's events reach the files of a capture: in order, some twice, and with damaged lines between."""

import datetime as dt
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from persona_assets.sample.identifiers import make_uuid
from persona_assets.sample.texts import pick

HOUR_US = 3_600_000_000
FILES_AN_HOUR = 2
GZIPPED = 5  # every fifth file
REPEATED = 0.005  # share of lines that are delivered twice
REPEATED_AFTER_US = 90_000_000  # at most
DAMAGED_OF_A_KIND = 2  # lines a day
# Share of a day's events in each hour, UTC: Europe wakes, then America.
HOURS = np.array([8, 8, 8, 9, 9, 8, 7, 7, 8, 9, 10, 10, 11, 12, 13, 13, 13, 13, 12, 12, 12, 11, 10, 9], dtype=float)

# What is wrong with a line -> how to make such a line from a good one, which is delivered as well.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda line: line[: len(line) // 2],
    "not UTF-8": lambda line: line.replace(b'"did":"', b'"did":"\xff\xfe', 1),
    "conflict marker": lambda _: b"<<<<<<< HEAD",
    "empty": lambda _: b"",
    "not an object": lambda _: b"[1, 2, 3]",
    "something after it": lambda line: line + b"}",
    "no body": lambda line: re.sub(rb',"(commit|identity|account)":\{.*', b"}", line),
}


class Delivery(NamedTuple):
    """A line and when it is written down."""

    at_us: int
    line: bytes


def draw_times(day: dt.date, events: int, rng: np.random.Generator) -> list[int]:
    """Return `events` different instants of `day` in microseconds, in order; the first second is left out."""
    hours = rng.choice(24, size=events, p=HOURS / HOURS.sum())
    within = rng.integers(1_000_000, HOUR_US - 1_000_000, size=events)
    # One microsecond more for each event makes equal instants differ.
    offsets = np.sort(hours * HOUR_US + within) + np.arange(events)
    return [start_of(day) + int(offset) for offset in offsets]


def start_of(day: dt.date) -> int:
    """Return the first instant of `day`, UTC, in microseconds of the Unix epoch."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    return int(midnight.timestamp()) * 1_000_000


def repeat_some(deliveries: Sequence[Delivery], rng: np.random.Generator) -> list[Delivery]:
    """Return the second deliveries of some lines, a while later on the same day."""
    last = deliveries[-1].at_us
    chosen = rng.choice(len(deliveries), size=max(1, round(len(deliveries) * REPEATED)), replace=False)
    waits = rng.integers(1, REPEATED_AFTER_US, size=len(chosen))
    first = [deliveries[int(index)] for index in chosen]
    return [Delivery(min(at_us + int(wait), last), line) for (at_us, line), wait in zip(first, waits, strict=True)]


def damage_some(deliveries: Sequence[Delivery], rng: np.random.Generator) -> tuple[list[Delivery], Counter[str]]:
    """Return damaged copies of some lines, and how many there are of each kind."""
    damaged = [(kind, pick(deliveries, rng)) for kind in DAMAGES for _ in range(DAMAGED_OF_A_KIND)]
    lines = [Delivery(at_us, DAMAGES[kind](line)) for kind, (at_us, line) in damaged]
    return lines, Counter(kind for kind, _ in damaged)


def fill_files(day: dt.date, deliveries: Iterable[Delivery], rng: np.random.Generator) -> dict[str, bytes]:
    """Return the files of `day`: path below the capture's root, and content; every fifth is gzipped.

    Args:
        day: All deliveries are of it.
        deliveries: Any order; a file holds those of its half hour by time.
        rng: Names the files.
    """
    slots: dict[int, list[bytes]] = {}
    for at_us, line in sorted(deliveries, key=lambda delivery: delivery.at_us):
        slots.setdefault((at_us - start_of(day)) * FILES_AN_HOUR // HOUR_US, []).append(line)
    files: dict[str, bytes] = {}
    for slot, lines in slots.items():
        hour, minute = slot // FILES_AN_HOUR, slot % FILES_AN_HOUR * 60 // FILES_AN_HOUR
        folder = f"bluesky-{day:%Y-%m}/{day:%d}/{hour:02d}"
        name = f"bluesky-2-{day:%Y-%m-%d}-{hour:02d}-{minute:02d}-00-{make_uuid(rng)}"
        content = b"".join(line + b"\n" for line in lines)
        if slot % GZIPPED == GZIPPED - 1:
            name, content = f"{name}.gz", gzip.compress(content, mtime=0)
        files[f"{folder}/{name}"] = content
    return files
