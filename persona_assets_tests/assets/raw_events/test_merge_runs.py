import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.raw_events import external_sort
from persona_assets.assets.raw_events import merge_runs as merge
from persona_assets.assets.raw_events.merge_runs import merge_rejected_lines, merge_runs
from persona_assets.assets.raw_events.read_files import REJECTED_STREAM_SCHEMA
from persona_assets.assets.raw_events.sorted_runs import write_sorted_run


def table_of(rows):
    empty = dict.fromkeys(tables.RAW_EVENTS.names) | {"user_id": "a", "kind": "commit"}
    return pa.Table.from_pylist([empty | row for row in rows], schema=tables.RAW_EVENTS)


def merge_all(pieces, folder):
    runs = [
        write_sorted_run(table_of(sorted(piece, key=lambda row: row["event_time_us"])), folder / f"{number}.arrow")
        for number, piece in enumerate(pieces)
    ]
    repeated = merge_runs(runs, folder / "out.parquet")
    return pq.read_table(folder / "out.parquet").to_pylist(), repeated, (folder / "out.parquet").read_bytes()


def test_runs_that_overlap_become_one_sorted_table(tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "_SLICE_ROWS", merge.FENCE_ROWS)
    pieces = [[{"event_time_us": time} for time in range(first, 9000, 3)] for first in range(3)]

    rows, repeated, _ = merge_all(pieces, tmp_path)

    assert [row["event_time_us"] for row in rows] == list(range(9000))
    assert repeated == 0


def test_runs_are_deleted_as_they_are_read_and_beyond_the_limit_mapped_with_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(merge, "_SLICE_ROWS", merge.FENCE_ROWS)
    pieces = [[{"event_time_us": time, "text": f"{time}"} for time in range(first, 9000, 3)] for first in range(3)]
    one_run = write_sorted_run(table_of(pieces[0]), tmp_path / "run").memory_bytes
    folders = {limit: tmp_path / f"{limit}" for limit in (0, int(1.5 * one_run), 1 << 27)}
    mapped = []
    map_run = merge._map_run
    monkeypatch.setattr(merge, "_map_run", lambda path: mapped.append(path) or map_run(path))

    made, numbers = set(), []
    for limit, folder in folders.items():
        folder.mkdir()
        monkeypatch.setattr(merge, "_MAX_OPEN_BYTES", limit)
        made.add(merge_all(pieces, folder)[2])
        assert [file.name for file in folder.iterdir()] == ["out.parquet"]
        numbers.append(len(mapped))

    assert len(made) == 1
    assert numbers[0] == 3
    assert 3 < numbers[1] < 6
    assert numbers[2] == numbers[1]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("text", ["", "a", "b", None]),
        ("langs", [[], [""], ["en"], ["en", "de"], ["en", "fr"], ["enx"], None]),
        ("account_active", [False, True, None]),
        ("seq", [1, 2, 10, None]),
        ("collection", ["a.b", "c.d", None]),
    ],
)
def test_rows_of_one_time_are_sorted_by_every_column_nulls_last(tmp_path, column, values):
    rows = [{"event_time_us": 7, column: value} for value in values]

    found, _, first = merge_all([rows[::-1]], tmp_path)
    _, _, second = merge_all([rows[1:], rows[:1]], tmp_path)

    assert [row[column] for row in found] == values
    assert first == second


def test_repeated_rows_are_kept_and_counted(tmp_path):
    row = {"event_time_us": 7, "text": "a", "langs": ["en"]}

    rows, repeated, _ = merge_all([[row, row | {"text": "b"}], [row, row | {"langs": None}, row]], tmp_path)

    assert (len(rows), repeated) == (5, 2)


ODD = st.sampled_from([None, "", "a", "a\0", "B", "é", "\U0001f600", "\uffff"])
ROWS = st.fixed_dictionaries(
    {"event_time_us": st.integers(5, 6), "user_id": st.sampled_from(["a", "b", "did:plc:a"])},
    optional={
        "text": ODD,
        "rkey": ODD,
        "collection": st.sampled_from(["a.b.c", "a.b.B"]),
        "operation": st.sampled_from(["update", "create"]),
        "kind": st.sampled_from(["identity", "commit"]),
        "langs": st.lists(st.sampled_from(["", "en", "EN", "de"]), max_size=2) | st.none(),
        "account_active": st.sampled_from([None, True, False]),
        "seq": st.sampled_from([None, 0, 1, 10]),
    },
)


@settings(max_examples=30)
@given(
    st.lists(st.lists(ROWS, min_size=1), min_size=1, max_size=4),
    st.sampled_from(["_MAX_SLICE_ROWS", "_MAX_SLICE_BYTES"]),
)
def test_sorting_on_disk_gives_the_same_bytes(pieces, limit):
    with tempfile.TemporaryDirectory() as inside, tempfile.TemporaryDirectory() as outside:
        expected = merge_all(pieces, Path(inside))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(merge, limit, 0)
            patch.setattr(external_sort, "_BATCH_ROWS", 2)
            assert merge_all(pieces, Path(outside)) == expected


def test_without_runs_the_table_is_empty(tmp_path):
    assert merge_runs([], tmp_path / "out.parquet") == 0
    assert pq.read_table(tmp_path / "out.parquet").schema == tables.RAW_EVENTS


def test_rejected_lines_of_several_streams_are_concatenated(tmp_path):
    paths = []
    for name in "ab":
        paths.append(tmp_path / name)
        batch = pa.record_batch([[name], [1], ["why"], [b"raw"], [3]], schema=REJECTED_STREAM_SCHEMA)
        with pa.OSFile(str(paths[-1]), "wb") as sink, pyarrow.ipc.new_stream(sink, REJECTED_STREAM_SCHEMA) as writer:
            writer.write_batch(batch)

    assert merge_rejected_lines(paths, tmp_path / "out.parquet") == 2
    assert pq.read_table(tmp_path / "out.parquet")["source_file"].to_pylist() == ["a", "b"]
