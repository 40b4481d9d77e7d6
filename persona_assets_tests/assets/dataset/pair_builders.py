"""Builders of windows with ignored messages, for the tests of forms that are made from pairs."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.dataset.build import NO_POSTS
from persona_assets.assets.dataset.line_batches import find_first_line_ids, read_line_batches
from persona_assets.assets.dataset.message_store import load_messages
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, lines_of, message, uri_of

HOUR = 3_600_000_000
MINUTE = HOUR // 60
PERSONA = {"ann": 0, "bob": 0, "cyd": 0, "dan": 0, "eve": 0}
NEAR = [1.0, 0.1]
OPTIONS = IgnoredOptions(source="follows", similarity_threshold=0.0, cap_ignored_messages=1000, seed=0)


def post(user, key, hours, text=None, **given):
    return message(user, key, round(hours * HOUR), text or f"post {key} of {user}", **given)


def did(user, action, hours, **given):
    return act(user, action, round(hours * HOUR), **given)


def follow(user, account, hours=0):
    return did(user, "follow", hours, key=f"{user}-{account}", toward=account)


def like(user, account, key, hours):
    return did(user, "like", hours, key=f"like-{account}-{key}", on=uri_of(account, key))


class Window:
    """The lines of a small window as batches, with its messages and the evidence of ignored ones."""

    def __init__(self, rows, scratch, *, clusters=None, vectors=None, options=OPTIONS):
        vectors = {row["uri"]: NEAR for row in rows if row.get("english")} | (vectors or {})
        given = inputs(rows, clusters or PERSONA, vectors=vectors)
        made = build(given, scratch, ignored=options)
        lines_of(made)  # the index is written once all lines are read
        self.scratch = Path(tempfile.mkdtemp(dir=scratch))
        self.evidence = pads.dataset(str(made.ignored_evidence))
        self.lines, self.line_messages = (
            pads.dataset(str(made.line_tables[name])) for name in ("lines", "line_messages")
        )
        self.user_actions = given.user_actions
        with self.open() as con:
            for name in ("lines", "line_messages", "user_actions"):
                create_dataset_view(con, name, getattr(self, name))
            con.register("left_out_posts", pa.table({"uri": NO_POSTS}))
            self.store = load_messages(
                con, find_first_line_ids(self.lines), clean=_keep, count_tokens=_count, scratch=self.scratch
            )

    def open(self):
        return open_duckdb(memory_limit="500MB", scratch=self.scratch)

    def batches(self):
        return list(read_line_batches(self.lines, self.store))

    def splits(self, number=0):
        """Give all lines one split."""
        return np.full(self.lines.count_rows(), number, np.int8)

    def describe(self, line_id):
        """Return (user, act, texts that the line shows) of a line."""
        (batch,) = [batch for batch in self.batches() if line_id in batch.line_ids]
        row = int(np.flatnonzero(batch.line_ids == line_id)[0])
        shown = batch.messages[batch.offsets[row] : batch.offsets[row + 1]]
        texts = [self.store.texts[int(number)].as_py() for number in shown]
        return self.store.users[int(batch.authors[row])].as_py(), batch.acts[row].as_py(), texts


def _keep(texts):
    return texts, {}


def _count(texts):
    return np.array([len(text.split()) for text in texts.to_pylist()], np.int64)
