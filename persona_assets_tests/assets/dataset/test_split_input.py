"""A split is told the users, threads and texts of each line that can be released."""

from collections import Counter

import numpy as np

from persona_assets.assets.dataset.line_batches import read_line_batches
from persona_assets.assets.dataset.line_graph import LINES
from persona_assets.assets.dataset.split_input import (
    DELETED_ACT,
    DELETED_MESSAGE,
    WITHOUT_TEXT,
    LineFilter,
    read_split_input,
)
from persona_assets_tests.assets.cluster_jsonl.builders import uri_of
from persona_assets_tests.assets.dataset.builders import did, load_store, persona_of, window


def read(tmp_path, deleted_acts=()):
    store, lines = load_store(*window(), tmp_path)
    chosen = LineFilter(np.array(deleted_acts, np.int64), Counter())
    personas = {cluster: persona_of(cluster) for cluster in (0, 1)}
    batches = list(read_split_input(read_line_batches(lines, store), store, personas, chosen))
    assert all(batch.schema.equals(LINES) for batch in batches)
    return lines.to_table().to_pylist(), {row["line_id"]: row for batch in batches for row in batch.to_pylist()}, chosen


def test_a_line_has_its_author_first_and_all_who_write_in_it(tmp_path):
    index, found, _ = read(tmp_path)
    (line,) = [row for row in found.values() if row["texts"] == ["hello world", "see this"]]

    assert index[line["line_id"]]["action"] == "quote"
    assert line["users"] == [did("cyd"), did("ann")]
    assert line["threads"] == [uri_of(did("ann"), "a")]
    assert line["texts"] == ["hello world", "see this"]
    assert (line["first_time_us"], line["last_time_us"]) == (1_000_000, 4_000_000)
    assert line["persona"] == 11


def test_quoted_posts_are_threads_of_the_line_too(tmp_path):
    index, found, _ = read(tmp_path)
    (line,) = [row for row in found.values() if row["texts"] == ["see this"]]

    assert index[line["line_id"]]["uri"] == uri_of(did("cyd"), "q")
    assert line["threads"] == [uri_of(did("cyd"), "q"), uri_of(did("ann"), "a")]


def test_lines_with_deleted_records_or_without_text_are_counted_and_left_out(tmp_path):
    index, found, chosen = read(tmp_path)
    like = next(place for place, row in enumerate(index) if row["action"] == "like")

    assert chosen.dropped == {DELETED_MESSAGE: 2, WITHOUT_TEXT: 1, DELETED_ACT: 0}
    assert len(found) == len(index) - 3
    _, fewer, chosen = read(tmp_path, [like])
    assert chosen.dropped[DELETED_ACT] == 1
    assert set(found) - set(fewer) == {like}
