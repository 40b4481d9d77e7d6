"""The IO manager for `cluster_jsonl`: one file per cluster, streamed, in a folder that is replaced atomically."""

import datetime as dt
import json
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
import zstandard

from persona_assets import tables
from persona_assets.common.scratch import Scratch
from persona_assets.errors import SchemaError, StorageError
from persona_assets.io_managers import persona_files as jsonl
from persona_assets.io_managers.folder_checksums import CHECKSUMS
from persona_assets.io_managers.persona_files import ClusterFolder, ClusterFolderContents, JsonlIOManager
from persona_assets.partitions import daily_partitions

DAYS = daily_partitions(dt.date(2025, 3, 1))
DAY = "2025-03-01"
ACCOUNTING = pa.Table.from_pylist(
    [{"cluster_id": 0, "action": "like", "outcome": "written", "actions": 3}], schema=tables.ACTION_ACCOUNTING
)
SMALL_TABLES = {
    "accounting": ACCOUNTING,
    "actions_by_hour": tables.ACTIONS_BY_HOUR.empty_table(),
    "actions_per_user": tables.ACTIONS_PER_USER.empty_table(),
}


def store(lines, base: str, seen: list | None = None, compression="none") -> dg.ExecuteInProcessResult:
    @dg.asset(partitions_def=DAYS, io_manager_key="jsonl")
    def cluster_jsonl():
        return dg.MaterializeResult(
            value=ClusterFolderContents(iter(lines), {"b": 1, "a": 0, "c": 2}, SMALL_TABLES, compression)
        )

    @dg.asset(partitions_def=DAYS)
    def reader(cluster_jsonl: ClusterFolder) -> None:
        if seen is not None:
            seen.append(cluster_jsonl)

    scratch = Scratch()
    resources = {"jsonl": JsonlIOManager(base=base, scratch=scratch)}
    return dg.materialize([cluster_jsonl, reader], partition_key=DAY, resources=resources)


@pytest.fixture(params=["local", "memory"])
def base(request, tmp_path):
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def test_each_line_is_in_the_file_of_its_cluster_in_the_order_given(base):
    seen: list[ClusterFolder] = []

    result = store([(1, b"[1]\n", 1), (0, b"[2]\n", 1), (1, b"[3]\n[4]\n", 2)], base, seen)

    assert [list(seen[0].read_lines(n)) for n in (0, 1, 2)] == [[b"[2]"], [b"[1]", b"[3]", b"[4]"], []]
    assert seen[0].read_user_clusters() == {"a": 0, "b": 1, "c": 2}
    assert {name: seen[0].read_table(name) for name in SMALL_TABLES} == SMALL_TABLES
    (event,) = result.asset_materializations_for_node("cluster_jsonl")
    assert event.metadata["dagster/partition_row_count"].value == 4


def test_compressed_files_have_the_same_lines(base):
    lines = [(1, b"[1]\n", 1), (0, b"[2]\n", 1), (1, b'[3]\n["\xc3\xa9"]\n', 2)]
    plain: list[ClusterFolder] = []
    compressed: list[ClusterFolder] = []

    store(lines, base, plain)
    kept = [list(plain[0].read_lines(n)) for n in (0, 1, 2)]
    store(lines, base, compressed, compression="zstd")

    assert [list(compressed[0].read_lines(n)) for n in (0, 1, 2)] == kept
    names = sorted(file.name for file in compressed[0].path.iterdir() if file.name.startswith("cluster_"))
    assert names == ["cluster_0.jsonl.zst", "cluster_1.jsonl.zst", "cluster_2.jsonl.zst"]


def test_a_compressed_file_is_one_frame_however_often_lines_were_appended(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_BUFFERED_BYTES", 50)
    lines = [(0, f"[{n}]\n".encode(), 1) for n in range(1000)]

    store(lines, str(tmp_path), compression="zstd")

    content = (tmp_path / "cluster_jsonl" / DAY / "cluster_0.jsonl.zst").read_bytes()
    assert zstandard.ZstdDecompressor().decompress(content) == b"".join(line for _, line, _ in lines)


def test_user_clusters_is_a_sorted_json_object(tmp_path):
    store([], str(tmp_path))

    text = (tmp_path / "cluster_jsonl" / DAY / "user_clusters.json").read_text(encoding="utf-8")
    assert list(json.loads(text).items()) == [("a", 0), ("b", 1), ("c", 2)]


def test_more_lines_than_fit_the_buffer_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_BUFFERED_BYTES", 50)
    lines = [(n % 3, f"[{n}]\n".encode(), 1) for n in range(1000)]

    store(lines, str(tmp_path))

    folder: Path = tmp_path / "cluster_jsonl" / DAY
    for cluster in range(3):
        written = (folder / f"cluster_{cluster}.jsonl").read_bytes()
        assert written == b"".join(line for number, line, _ in lines if number == cluster)


def test_a_small_table_with_another_schema_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(SMALL_TABLES, "accounting", ACCOUNTING.drop_columns("outcome"))

    with pytest.raises(SchemaError, match="accounting: the table does not match"):
        store([(0, b"[1]\n", 1)], str(tmp_path))


def test_an_error_in_the_stream_of_lines_leaves_the_old_folder(tmp_path):
    def broken():
        yield 0, b"[new]\n", 1
        raise ValueError("broken off")

    store([(0, b"[old]\n", 1)], str(tmp_path))
    with pytest.raises(ValueError, match="broken off"):
        store(broken(), str(tmp_path))

    folder = tmp_path / "cluster_jsonl"
    assert (folder / DAY / "cluster_0.jsonl").read_bytes() == b"[old]\n"
    assert [entry.name for entry in folder.iterdir()] == [DAY]


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_changed_line_is_detected(base, compression):
    seen: list[ClusterFolder] = []
    store([(0, f"[{n}]\n".encode(), 1) for n in range(1000)], base, seen, compression)
    file = seen[0].path / ("cluster_0.jsonl" + (".zst" if compression == "zstd" else ""))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))

    with pytest.raises(StorageError, match=f"{file.name} is damaged: .*aterialize this partition again"):
        list(seen[0].read_lines(0))


def test_all_files_of_a_folder_have_a_checksum(base):
    seen: list[ClusterFolder] = []
    store([(0, b"[1]\n", 1)], base, seen)

    assert set(seen[0].checksums) == {file.name for file in seen[0].path.iterdir()} - {CHECKSUMS}


def test_an_incomplete_folder_is_an_error(tmp_path):
    (tmp_path / "cluster_jsonl" / DAY).mkdir(parents=True)
    (tmp_path / "cluster_jsonl" / DAY / "cluster_0.jsonl").touch()

    @dg.asset(partitions_def=DAYS)
    def reader(cluster_jsonl: ClusterFolder) -> None:
        del cluster_jsonl

    spec = dg.AssetSpec("cluster_jsonl", partitions_def=DAYS).with_io_manager_key("jsonl")
    resources = {"jsonl": JsonlIOManager(base=str(tmp_path), scratch=Scratch())}
    with pytest.raises(StorageError, match="has no user_clusters.json: materialize cluster_jsonl again"):
        dg.materialize([spec, reader], partition_key=DAY, resources=resources)


def test_a_cluster_without_users_has_an_empty_file(tmp_path):
    contents = ClusterFolderContents(iter([(0, b"[1]\n", 1)]), {"a": 0}, SMALL_TABLES, cluster_ids=frozenset({0, 1}))

    assert jsonl.write_cluster_folder(tmp_path, contents, day=dt.date(2025, 3, 1)) == 1
    assert (tmp_path / "cluster_1.jsonl").read_bytes() == b""
