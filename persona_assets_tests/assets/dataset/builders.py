"""Builders of small windows for the tests of `dataset`, from rows of `user_actions` to a data set's folder."""

import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets.assets.dataset.build import ReleaseInputs, ReleaseOptions, build_release
from persona_assets.assets.dataset.form_rows import Origin
from persona_assets.assets.dataset.personas import Persona
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets_tests.assets.cluster_jsonl.builders import build, inputs, lines_of

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


def release(rows, clusters, scratch, *, options=OPTIONS, count=count_words, **window):
    """Make a data set of a window, and return its folder, what was made, and the lines by cluster."""
    lines, messages, actions, parsed = line_tables(rows, clusters, scratch, **window)
    personas = [persona_of(cluster) for cluster in sorted(set(clusters.values()))]
    folder = Path(tempfile.mkdtemp(dir=scratch))
    made = build_release(
        ReleaseInputs(lines, messages, actions, personas),
        options,
        folder,
        origin=ORIGIN,
        count_tokens=count,
        memory_limit="1GB",
        scratch=Path(tempfile.mkdtemp(dir=scratch)),
    )
    return folder, made, parsed


def rows_of(folder, form):
    """Return the rows of a form over all its files, sorted by line."""
    files = sorted((folder / "data" / form).rglob("*.parquet"))
    rows = [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]
    return sorted(rows, key=lambda row: row["line_id"])


def any_text(folder):
    """Return all bytes of a folder's Parquet files as text, column by column."""
    return " ".join(
        str(pc.unique(table[name]).to_pylist())
        for file in folder.rglob("*.parquet")
        for table in [pq.read_table(file, partitioning=None).flatten()]
        for name in table.schema.names
        if table[name].type == "string"
    )
