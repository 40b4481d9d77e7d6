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
import resource, sys
import pyarrow as pa
import pyarrow.dataset as pads
from persona_assets.common.bounded_scan import scan_batches
dataset = pads.dataset(sys.argv[1])
for _ in scan_batches(dataset, columns=["n"], batch_rows=100):
    break
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(batch.num_rows for batch in scan_batches(dataset, batch_rows=8192))
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

    assert scan_bounded(dataset, batch_rows=1, use_threads=False).to_table()["n"].to_pylist() == [1, 2]


@pytest.mark.slow
def test_a_file_of_many_row_groups_takes_the_memory_of_a_few(tmp_path):
    """A scan with pyarrow's defaults takes 570 MB, for a file of 410 MB."""
    row_group = pa.table(
        {
            "n": np.arange(20_000),
            "vector": pa.FixedSizeListArray.from_arrays(
                np.random.default_rng(0).normal(size=20_000 * 256).astype(np.float32), 256
            ),
        }
    )
    with pq.ParquetWriter(tmp_path / "vectors.parquet", row_group.schema, compression="none") as writer:
        for _ in range(20):
            writer.write_table(row_group)

    command = [sys.executable, "-c", _SCAN, str(tmp_path / "vectors.parquet")]
    settings = os.environ | {"MIMALLOC_PURGE_DELAY": "0"}  # memory that is freed does not count
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=settings)
    rows, kilobytes = map(int, done.stdout.split())

    assert rows == 400_000
    assert kilobytes < 200_000
