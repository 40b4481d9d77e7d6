"""Lines of made-up users, for the tests of splits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from persona_assets.assets.dataset.line_graph import LINES

HOUR_US = 3_600_000_000
WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "juniper", "kelp", "larch"]
WORDS += ["maple", "north", "ocean", "pines", "quartz"]


class Line(NamedTuple):
    users: Sequence[str] = ("ann",)
    threads: Sequence[str] = ()
    texts: Sequence[str] = ()
    persona: int = 0
    first_hour: float = 0.0
    hours: float = 0.0


def line_table(lines: Sequence[Line]) -> pa.Table:
    """Return `LINES`, numbered from 0."""
    starts = [int(line.first_hour * HOUR_US) for line in lines]
    return pa.table(
        {
            "line_id": pa.array(range(len(lines)), pa.int64()),
            "persona": pa.array([line.persona for line in lines], pa.int32()),
            "users": pa.array([list(line.users) for line in lines], LINES.field("users").type),
            "threads": pa.array([list(line.threads) for line in lines], LINES.field("threads").type),
            "texts": pa.array([list(line.texts) for line in lines], LINES.field("texts").type),
            "first_time_us": pa.array(starts, pa.int64()),
            "last_time_us": pa.array(
                [start + int(line.hours * HOUR_US) for start, line in zip(starts, lines, strict=True)], pa.int64()
            ),
        },
        schema=LINES,
    )


def batches(table: pa.Table, rows: int = 1000) -> list[pa.RecordBatch]:
    return table.to_batches(max_chunksize=rows)


def random_text(rng: np.random.Generator, words: int) -> str:
    return " ".join(rng.choice(WORDS, words))


def connected_lines(n_lines: int, *, n_personas: int = 4, seed: int = 1) -> pa.Table:
    """Return lines of 80 to 90 users a thousand lines, whose likes and replies connect nearly all of them.

    Users are in circles of 20, in which two thirds of what they do stays. Each circle has one persona.
    """
    rng = np.random.default_rng(seed)
    n_users = max(n_lines // 12, 40)
    circles = rng.integers(0, n_users // 20, n_users)
    members = [np.flatnonzero(circles == circle) for circle in range(circles.max() + 1)]
    lines = []
    for number in range(n_lines):
        author = int(rng.integers(n_users))
        near = members[circles[author]]
        target = int(rng.choice(near) if rng.random() < 2 / 3 else rng.integers(n_users))
        post = int(rng.integers(4))
        text = random_text(np.random.default_rng([target, post]), 12)
        users, texts = [f"user{author}", f"user{target}"], [text]
        if rng.random() < 0.2:
            texts.append(random_text(rng, int(rng.integers(2, 14))))
        hour = float(rng.random() * 24 * 7)
        persona = int(circles[author] % n_personas)
        lines.append(Line(users, [f"post{target}-{post}"], texts, persona, hour, float(rng.random())))
        if number % 10 == 0:  # a post that nobody answers
            lines[-1] = Line([f"user{author}"], [f"own{number}"], [random_text(rng, 14)], persona, hour)
    return line_table(lines)


@st.composite
def any_lines(draw: st.DrawFn) -> pa.Table:
    """Return up to 60 lines of any users, threads and texts, some without any."""
    users = st.lists(st.sampled_from([f"u{number}" for number in range(25)]), max_size=4)
    threads = st.lists(st.sampled_from([f"t{number}" for number in range(25)]), max_size=3)
    texts = st.lists(
        st.one_of(
            st.sampled_from([" ".join(WORDS[start : start + 6]) for start in range(10)]),
            st.sampled_from(["", "good morning", "Amber, BIRCH cedar delta ember fjord!", "é ö"]),
        ),
        max_size=3,
    )
    hours = st.floats(0, 200)
    line = st.builds(Line, users, threads, texts, st.integers(0, 3), hours, st.floats(0, 30))
    return line_table(draw(st.lists(line, max_size=60)))
