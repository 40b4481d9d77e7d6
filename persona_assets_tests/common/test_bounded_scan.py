"""Scans of Parquet files hold a row group and a few batches in memory, and keep the order of rows."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.common.bounded_scan import scan_batches, scan_bounded

_SCAN = """
import resource, sys, time
import pyarrow as pa
import pyarrow.dataset as pads
from persona_assets.common.bounded_scan import scan_batches
dataset = pads.dataset(sys.argv[1])
for _ in scan_batches(dataset, columns=["n"], batch_rows=100):
    break
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = 0
for batch in scan_batches(dataset, batch_rows=8192):
    rows += batch.num_rows
    time.sleep(float(sys.argv[2]))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_rows_come_in_order_and_only_those_that_are_asked_for(tmp_path):
    for number in range(2):
        pq.write_table(
            pa.table({"n": list(range(10 * number, 10 * number + 10)), "other": ["x"] * 10}),
            tmp_path / f"{number}.parquet",
            row_group_size=4,
        )
    dataset = pads.dataset([str(tmp_path / f"{number}.parquet") for number in range(2)])

    batches = list(scan_batches(dataset, columns=["n"], condition=pc.field("n") >= 7, batch_rows=3))

    assert all(0 < batch.num_rows <= 3 and batch.schema.names == ["n"] for batch in batches)
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(7, 20))


def test_tables_in_memory_can_be_scanned_too():
    dataset = pads.dataset(pa.table({"n": [1, 2]}))

    assert scan_bounded(dataset, batch_rows=1).to_table()["n"].to_pylist() == [1, 2]


@pytest.mark.slow
def test_a_file_of_many_row_groups_takes_the_memory_of_a_few(tmp_path):
    """A scan with pyarrow's defaults takes 570 MB, for a file of 410 MB."""
    vectors = np.random.default_rng(0).normal(size=20_000 * 256).astype(np.float32)
    row_group = pa.table({"n": np.arange(20_000), "vector": pa.FixedSizeListArray.from_arrays(vectors, 256)})

    rows, megabytes = scan_in_process(write_row_groups(row_group, tmp_path, compression="none"))

    assert rows == 400_000
    assert megabytes < 200


@pytest.mark.slow
def test_a_slow_consumer_does_not_make_a_scan_run_ahead(tmp_path):
    row_group = pa.table({"n": np.arange(20_000), "text": ["x" * 1_000] * 20_000})

    rows, megabytes = scan_in_process(write_row_groups(row_group, tmp_path, compression="zstd"), seconds_per_batch=0.05)

    assert rows == 400_000
    assert megabytes < 100


def write_row_groups(row_group, folder, *, compression):
    """Write a row group 20 times to one file."""
    with pq.ParquetWriter(folder / "file.parquet", row_group.schema, compression=compression) as writer:
        for _ in range(20):
            writer.write_table(row_group)
    return folder / "file.parquet"


def scan_in_process(file, *, seconds_per_batch=0.0):
    """Return the number of rows, and the MB by which the peak grows while they are scanned."""
    command = [sys.executable, "-c", _SCAN, str(file), str(seconds_per_batch)]
    settings = os.environ | {"MIMALLOC_PURGE_DELAY": "0"}  # memory that is freed does not count
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=settings)
    rows, kilobytes = map(int, done.stdout.split())
    return rows, kilobytes // 1000
