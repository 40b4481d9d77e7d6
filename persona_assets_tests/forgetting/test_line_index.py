"""The index of lines without some lines is the one that is made of the others."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from persona_assets.common.line_tables import LINE_MESSAGES, LINES
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import ForgettingError
from persona_assets.forgetting.line_index import (
    RemovedLines,
    find_index_files,
    find_named_lines,
    write_index_without,
)
from persona_assets.forgetting.stored_files import classify_stored_files
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import DAY, read_index, store, store_index, store_users

NAME = f"cluster_jsonl/{DAY}"
ACCOUNTS = Accounts([ALICE])


def open_index(data, lines):
    (data / NAME).mkdir(parents=True)
    store_index(data / NAME, lines)
    return find_index_files(classify_stored_files(UPath(data)).folders[NAME])


@settings(max_examples=40)
@given(
    lines=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 3)), max_size=30),
    group_rows=st.integers(1, 9),
)
def test_it_has_the_bytes_of_an_index_of_the_remaining_lines(tmp_path_factory, lines, group_rows):
    data = tmp_path_factory.mktemp("index")
    made = [
        (cluster, ALICE if is_named else BOB, [f"{ALICE if is_named else BOB}/{number}"] * shown)
        for number, (cluster, is_named, shown) in enumerate(sorted(lines))
    ]
    index = open_index(data, made)
    regroup(index, group_rows)
    named = find_named_lines(index, ACCOUNTS)
    counts = dict(zip(*np.unique([one[0] for one in made], return_counts=True), strict=True))
    removed = {cluster: RemovedLines(counts[cluster], places) for cluster, places in named.items()}
    (data / "new").mkdir()

    changes = write_index_without(index, UPath(data / "new"), removed, ACCOUNTS)

    (data / "expected").mkdir()
    store_index(data / "expected", [one for one in made if one[1] == BOB])
    for change in changes:
        name = change.file.rpartition("/")[2]
        # Times of messages are those they had: the builder numbers them from 0.
        columns = [one for one in pq.read_schema(data / "new" / name).names if one != "event_time_us"]
        assert read(data / "new" / name, columns) == read(data / "expected" / name, columns)
        assert change.rows_before == change.rows_after + change.own + change.about
    assert len(changes) == 1 + any(user == ALICE and shown for _, user, shown in made)


def read(path, columns):
    return pq.read_table(path, columns=columns)


def regroup(index, rows):
    """Write the index in small row groups."""
    for file in index:
        table = pq.read_table(file.path.path)
        write_parquet(Path(file.path.path), table.schema, [table], max_group_rows=rows)


def test_a_message_that_another_line_shows_stays(tmp_path):
    index = open_index(tmp_path, [(0, BOB, [f"{BOB}/1"]), (0, ALICE, [f"{BOB}/2"])])
    shared = pq.read_table(index.lines.path.path).to_pylist()
    shared[1]["messages"] = [0, 1]
    shared[0]["messages"] = [1]
    store(tmp_path / NAME, "lines", LINES.empty_table().from_pylist(shared, schema=LINES))
    (tmp_path / "new").mkdir()

    write_index_without(index, UPath(tmp_path / "new"), {0: RemovedLines(2, np.array([1]))}, ACCOUNTS)

    assert read_index(tmp_path / "new") == [(0, 0, BOB, [f"{BOB}/2"])]
    assert pq.read_schema(tmp_path / "new" / "lines.parquet").names == [*LINES.names, "day"]
    assert pq.read_schema(tmp_path / "new" / "line_messages.parquet").names == [*LINE_MESSAGES.names, "day"]


@pytest.mark.parametrize("where", ["user_id", "uri", "text"])
def test_each_column_with_text_is_searched(tmp_path, where):
    index = open_index(tmp_path, [(4, BOB, []), (7, BOB, []), (7, BOB, [])])
    rows = pq.read_table(index.lines.path.path).to_pylist()
    rows[2][where] = f"about {ALICE}"
    store(tmp_path / NAME, "lines", LINES.empty_table().from_pylist(rows, schema=LINES))

    found = find_named_lines(index, ACCOUNTS)

    assert {cluster: places.tolist() for cluster, places in found.items()} == {7: [1]}


def test_an_index_with_another_number_of_lines_is_an_error(tmp_path):
    index = open_index(tmp_path, [(0, BOB, [])])

    with pytest.raises(ForgettingError, match="materialize cluster_jsonl"):
        write_index_without(index, UPath(tmp_path), {0: RemovedLines(2, np.array([1]))}, ACCOUNTS)


def test_a_folder_of_an_earlier_version_has_none(tmp_path):
    store_users(tmp_path / NAME)

    assert find_index_files(classify_stored_files(UPath(tmp_path)).folders[NAME]) is None
