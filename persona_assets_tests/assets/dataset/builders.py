"""Builders of small windows for the tests of `dataset`, from rows of `user_actions` to a data set's folder."""

import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.build import ReleaseInputs, ReleaseOptions, build_release
from persona_assets.assets.dataset.form_rows import Origin
from persona_assets.assets.dataset.line_batches import find_first_line_ids
from persona_assets.assets.dataset.message_store import MessageStore, load_messages
from persona_assets.assets.dataset.personas import Persona
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, lines_of, message, uri_of

SECOND = 1_000_000
HOUR = 3600 * SECOND
ORIGIN = Origin(dt.date(2025, 3, 2), dt.date(2025, 3, 1))
OPTIONS = ReleaseOptions(("chat", "threads", "dehydrated"), "json", 500, "line", None, clean=True, split=SplitOptions())


def count_words(texts):
    """Stand for a tokenizer: a token is what is between spaces."""
    return np.array([len(text.split()) for text in texts.to_pylist()], np.int64)


def persona_of(cluster, users=1):
    return Persona(cluster, cluster + 10, f"name {cluster}", "They write.", ("one", "two"), users)


def line_tables(rows, clusters, scratch, **options):
    """Return the index of lines, the messages, the actions and the parsed lines by cluster."""
    given = inputs(rows, clusters, **{name: options.pop(name) for name in ("vectors",) if name in options})
    made = build(given, scratch, **options)
    lines = lines_of(made)
    tables = {name: pads.dataset(str(file)) for name, file in made.line_tables.items()}
    return tables["lines"], tables["line_messages"], given.user_actions, lines


def load_store(rows, clusters, scratch, *, clean=build_module.keep_texts, count=count_words, **window) -> MessageStore:
    """Return the messages of a window's lines, and the index of lines."""
    lines, messages, actions, _ = line_tables(rows, clusters, scratch, **window)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    with open_duckdb(memory_limit="1GB", scratch=folder) as con:
        for name, table in (("lines", lines), ("line_messages", messages), ("user_actions", actions)):
            create_dataset_view(con, name, table)
        con.register("left_out_posts", pa.table({"uri": build_module.NO_POSTS}))
        return load_messages(con, find_first_line_ids(lines), clean=clean, count_tokens=count, scratch=folder), lines


def release(  # noqa: PLR0913 - each test names only what matters to it
    rows, clusters, scratch, *, options=OPTIONS, count=count_words, left_out=None, **window
):
    """Make a data set of a window, and return its folder, what was made, its inputs, and the lines by cluster."""
    lines, messages, actions, parsed = line_tables(rows, clusters, scratch, **window)
    given = ReleaseInputs(lines, messages, actions, [persona_of(cluster) for cluster in sorted(set(clusters.values()))])
    given = given._replace(left_out=left_out)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    made = build_release(
        given,
        options,
        folder,
        origin=ORIGIN,
        count_tokens=count,
        memory_limit="1GB",
        scratch=Path(tempfile.mkdtemp(dir=scratch)),
    )
    return folder, made, given, parsed


def rows_of(folder, form):
    """Return the rows of a form over all its files, sorted by line."""
    files = sorted((folder / "data" / form).rglob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    return sorted(rows, key=lambda row: row["line_id"])


def keep_all(batches, options):
    """Stand for the split: all lines are in train, so that tests of rows need no large window."""
    del options
    ids = [number for batch in batches for number in batch["line_id"].to_pylist()]
    lines = pa.table({"line_id": pa.array(ids, pa.int64()), "split": pa.array(["train"] * len(ids), pa.string())})
    return build_module.LineSplits(lines, None, len(ids), {"train": len(ids)}, {})


def did(name):
    return f"did:plc:{name}"


def window():
    """Return rows and clusters with conversations, each kind of action, deletions, personal data and no text."""
    ann, bob, cyd, dan, zed = map(did, ("ann", "bob", "cyd", "dan", "zed"))
    rows = [
        message(ann, "a", 1 * SECOND, "hello world"),
        message(bob, "b", 2 * SECOND, 'well "hi" at joe@example.org', answers=uri_of(ann, "a")),
        message(ann, "c", 3 * SECOND, "thanks", answers=uri_of(bob, "b")),
        message(ann, "d", 5 * SECOND, "and on", answers=uri_of(ann, "c")),
        message(zed, "p", 8 * SECOND, "outside", answers=uri_of(ann, "d")),
        message(bob, "e", 10 * SECOND, "last", answers=uri_of(zed, "p")),
        message(cyd, "q", 4 * SECOND, "see this", quotes=uri_of(ann, "a")),
        act(bob, "like", 6 * SECOND, key="l", on=uri_of(ann, "a")),
        act(cyd, "like", 7 * SECOND, key="z", on=uri_of(bob, "b")),
        act(cyd, "unlike", 8 * SECOND, key="z"),
        act(dan, "profile_update", 9 * SECOND, text="write to me@x.org"),
        act(dan, "follow", 9 * SECOND, key="f", toward=ann),
        message(dan, "x", 10 * SECOND, "gone"),
        act(dan, "post_delete", 11 * SECOND, key="x") | {"uri": uri_of(dan, "x"), "target_uri": uri_of(dan, "x")},
        message(dan, "w", 12 * SECOND, None),
        message(dan, "own", 13 * SECOND, "mine"),
        act(dan, "like", 14 * SECOND, key="m", on=uri_of(dan, "own")),
    ]
    return rows, {ann: 0, bob: 0, cyd: 1, dan: 1}
