"""Planted rows of `next_action`: what users do depends on their persona, on the context, and on the thread."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.evaluation.rows import to_rows

FREQUENT = ("like", "repost")
PERSONAS = 4
# What users of each persona do on a post about bread and about chess. One act of each persona is its usual one.
ACTS = (("like", "quote"), ("repost", "follow"), ("follow", "like"), ("quote", "repost"))
TOPICS = (("sourdough", "crust", "oven", "flour"), ("gambit", "rook", "endgame", "pawn"))
SCHEMA = pa.schema(
    [
        ("persona", pa.int32()),
        ("line_id", pa.int64()),
        ("split", pa.string()),
        ("task", pa.string()),
        ("context", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("candidates", pa.list_(pa.string())),
        ("action", pa.string()),
        ("text", pa.string()),
        ("frequent", pa.bool_()),
        ("time", pa.timestamp("ms", "UTC")),
    ]
)


def plant(rows=1200, *, seed=0, noise=0.1, follows_thread=0.0, thread_size=6):
    """Return a table of rows without splits, and the thread of each row.

    Args:
        rows: Number of rows.
        seed: Of everything.
        noise: Share of acts that are drawn at random.
        follows_thread: Share of acts that are those of the row's thread, which only its other rows tell.
        thread_size: Rows of a thread. All have the same context.
    """
    rng = np.random.default_rng(seed)
    threads = np.arange(rows) // thread_size
    topics = (rng.random(threads.max() + 1) < 0.3).astype(int)[threads]
    act_of_thread = rng.choice([act for acts in ACTS for act in acts], threads.max() + 1)[threads]
    personas = rng.integers(PERSONAS, size=rows)
    words = [
        " ".join(np.random.default_rng([seed, int(thread)]).choice(TOPICS[topic], 3)) + f" number{thread}"
        for thread, topic in zip(threads, topics, strict=True)
    ]
    planted = np.array([ACTS[persona][topic] for persona, topic in zip(personas, topics, strict=True)])
    drawn = rng.choice([act for acts in ACTS for act in acts], rows)
    chance = rng.random(rows)
    actions = np.where(chance < follows_thread, act_of_thread, np.where(chance > 1 - noise, drawn, planted))
    start = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
    table = pa.table(
        [
            personas.astype(np.int32),
            np.arange(rows),
            ["train"] * rows,
            ["action"] * rows,
            [[{"role": "user", "content": f"@user1: {text}"}] for text in words],
            [sorted({act for acts in ACTS for act in acts})] * rows,
            actions,
            [f"my {text}" if action == "quote" else None for text, action in zip(words, actions, strict=True)],
            [action in FREQUENT for action in actions],
            [start + dt.timedelta(hours=int(hour)) for hour in rng.integers(48, size=rows)],
        ],
        schema=SCHEMA,
    )
    return table, threads


def split_by(table, units, *, seed=100):
    """Return rows by split: units whole, 70 % of them in train, 10 % in validation; the seed is not that of `plant`."""
    distinct, numbers = np.unique(units, return_inverse=True)
    drawn = np.random.default_rng(seed).random(len(distinct))[numbers]
    names = np.select([drawn < 0.7, drawn < 0.8], ["train", "validation"], "test")
    return with_split(table, names)


def with_split(table, names):
    at = table.schema.get_field_index("split")
    table = table.set_column(at, SCHEMA.field("split"), pa.array(names.tolist(), pa.string()))
    return {name: to_rows(table.filter(pa.array(names == name))) for name in ("train", "validation", "test")}


def store(table, folder, *, seed=0):
    """Write a data set folder with the form `next_action`, as the asset `dataset` does."""
    drawn = np.random.default_rng(seed).random(len(table))
    names = np.select([drawn < 0.7, drawn < 0.8], ["train", "validation"], "test")
    for persona in range(PERSONAS):
        for split in ("train", "validation", "test"):
            chosen = (table["persona"].to_numpy() == persona) & (names == split)
            part = (
                table.filter(pa.array(chosen))
                .drop_columns("split")
                .append_column(SCHEMA.field("split"), pa.array([split] * int(chosen.sum()), pa.string()))
            )
            place = folder / "data" / "next_action" / f"persona_{persona}"
            place.mkdir(parents=True, exist_ok=True)
            pq.write_table(part.select(SCHEMA.names), place / f"{split}-00000-of-00001.parquet")
    return names


def embed(texts):
    """Unit vectors of counts of letters."""
    counts = np.array([[text.count(chr(97 + letter)) + 1e-3 for letter in range(26)] for text in texts], np.float64)
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)
