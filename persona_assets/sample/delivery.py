"""Turn a day's events into capture files: draw times, duplicate and damage some lines, and split lines into files."""

import datetime as dt
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from persona_assets.sample.identifiers import make_uuid
from persona_assets.sample.texts import draw_item

HOUR_US = 3_600_000_000
FILES_PER_HOUR = 2
GZIP_EVERY = 5  # every fifth file is compressed
DUPLICATE_SHARE = 0.005  # share of lines that are delivered twice
MAX_DUPLICATE_DELAY_US = 90_000_000  # time between the two deliveries
DAMAGED_LINES_PER_KIND = 2  # per day
# Relative number of events in each hour (UTC): activity rises in Europe's morning and then in America's.
HOURLY_SHARES = np.array(
    [8, 8, 8, 9, 9, 8, 7, 7, 8, 9, 10, 10, 11, 12, 13, 13, 13, 13, 12, 12, 12, 11, 10, 9], dtype=float
)

# Functions that make a damaged line from a valid one, by what is wrong with it. The valid line is delivered too.
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
    """A line of a capture file and the time at which it is written, in microseconds since 1970."""

    at_us: int
    line: bytes


def draw_times(day: dt.date, events: int, rng: np.random.Generator) -> list[int]:
    """Return `events` distinct random times of `day`, sorted, in microseconds since 1970; none in its first second."""
    hours = rng.choice(24, size=events, p=HOURLY_SHARES / HOURLY_SHARES.sum())
    within_hour = rng.integers(1_000_000, HOUR_US - 1_000_000, size=events)
    # Adding the position in microseconds makes equal times distinct.
    offsets = np.sort(hours * HOUR_US + within_hour) + np.arange(events)
    return [day_start_us(day) + int(offset) for offset in offsets]


def day_start_us(day: dt.date) -> int:
    """Return midnight UTC at the start of `day`, in microseconds of the Unix epoch."""
    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    return int(midnight.timestamp()) * 1_000_000


def draw_second_deliveries(deliveries: Sequence[Delivery], rng: np.random.Generator) -> list[Delivery]:
    """Return only the second deliveries of randomly chosen lines, up to 90 s after the first, on the same day."""
    last = deliveries[-1].at_us
    chosen = rng.choice(len(deliveries), size=max(1, round(len(deliveries) * DUPLICATE_SHARE)), replace=False)
    delays = rng.integers(1, MAX_DUPLICATE_DELAY_US, size=len(chosen))
    first = [deliveries[int(index)] for index in chosen]
    return [Delivery(min(at_us + int(delay), last), line) for (at_us, line), delay in zip(first, delays, strict=True)]


def draw_damaged_lines(deliveries: Sequence[Delivery], rng: np.random.Generator) -> tuple[list[Delivery], Counter[str]]:
    """Return damaged copies of randomly chosen lines, and their number by the key in `DAMAGES`."""
    damaged = [(kind, draw_item(deliveries, rng)) for kind in DAMAGES for _ in range(DAMAGED_LINES_PER_KIND)]
    lines = [Delivery(at_us, DAMAGES[kind](line)) for kind, (at_us, line) in damaged]
    return lines, Counter(kind for kind, _ in damaged)


def build_day_files(day: dt.date, deliveries: Iterable[Delivery], rng: np.random.Generator) -> dict[str, bytes]:
    """Return the content of each capture file of `day` by relative path; every fifth file is gzipped.

    Args:
        day: Day of all deliveries.
        deliveries: Lines in any order. Each file has the lines of one half hour, sorted by time.
        rng: Draws the UUIDs in the file names.
    """
    slots: dict[int, list[bytes]] = {}
    for at_us, line in sorted(deliveries, key=lambda delivery: delivery.at_us):
        slots.setdefault((at_us - day_start_us(day)) * FILES_PER_HOUR // HOUR_US, []).append(line)
    files: dict[str, bytes] = {}
    for slot, lines in slots.items():
        hour, minute = slot // FILES_PER_HOUR, slot % FILES_PER_HOUR * 60 // FILES_PER_HOUR
        folder = f"bluesky-{day:%Y-%m}/{day:%d}/{hour:02d}"
        name = f"bluesky-2-{day:%Y-%m-%d}-{hour:02d}-{minute:02d}-00-{make_uuid(rng)}"
        content = b"".join(line + b"\n" for line in lines)
        if slot % GZIP_EVERY == GZIP_EVERY - 1:
            name, content = f"{name}.gz", gzip.compress(content, mtime=0)
        files[f"{folder}/{name}"] = content
    return files
