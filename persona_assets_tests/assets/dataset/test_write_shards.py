"""Shards have all rows in their order, whatever the sizes of groups and shards."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset.write_shards import PersonaWriters, ShardWriter

SCHEMA = pa.schema([("split", pa.string()), ("n", pa.int64())])


def rows(numbers, split="train"):
    return pa.table({"split": [split] * len(numbers), "n": pa.array(numbers, pa.int64())}, SCHEMA)


@pytest.mark.parametrize(("group", "shard", "files"), [(100, 1 << 30, 1), (2, 1 << 30, 1), (2, 1, 5)])
def test_all_rows_are_in_numbered_shards(tmp_path, monkeypatch, group, shard, files):
    monkeypatch.setattr("persona_assets.assets.dataset.write_shards.GROUP_ROWS", group)
    monkeypatch.setattr("persona_assets.assets.dataset.write_shards.SHARD_BYTES", shard)
    writer = ShardWriter(tmp_path, "chat", "persona_3", "train", SCHEMA)
    for start in range(0, 10, 2):
        writer.write(rows([start, start + 1]))

    shards = writer.close()

    assert [one.path for one in shards] == [
        f"data/chat/persona_3/train-{number:05}-of-{files:05}.parquet" for number in range(files)
    ]
    tables = [pq.read_table(tmp_path / one.path, partitioning=None) for one in shards]
    assert pa.concat_tables(tables)["n"].to_pylist() == list(range(10))
    assert [one.rows for one in shards] == [table.num_rows for table in tables]


def test_a_split_without_rows_has_no_file(tmp_path):
    writers = PersonaWriters(tmp_path, "persona_0", {"chat": SCHEMA}, ("train", "validation", "test"))
    writers.write("chat", pa.concat_tables([rows([1]), rows([2], "test"), rows([3])]))

    shards = writers.close()

    assert {(one.split, one.rows) for one in shards} == {("train", 2), ("test", 1)}
    assert sorted(file.name for file in tmp_path.rglob("*.parquet")) == sorted(
        one.path.rpartition("/")[2] for one in shards
    )
