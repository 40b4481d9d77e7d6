"""Vectors on disk: a flat file of the distinct texts', and the Parquet file of the posts'."""

import datetime as dt
import os
from collections.abc import Iterable
from io import BufferedRandom
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.common.parquet_checksums import open_checksummed_writer

Rows = npt.NDArray[np.int64]

# Numbers of a row group. Arrow needs some 25 bytes for each while it writes them: the 122,880 rows of other tables
# would take 1.2 GiB at 384 dimensions, and 3 at 1024.
GROUP_VALUES = 1_572_864


def write_rows(file: BufferedRandom, rows: Rows, vectors: npt.NDArray[np.generic]) -> None:
    """Write each vector to its place in the flat file."""
    order = np.argsort(rows)
    rows, vectors = rows[order], vectors[order]
    gaps = np.flatnonzero(np.diff(rows) != 1) + 1
    for run, together in zip(np.split(rows, gaps), np.split(vectors, gaps), strict=True):
        file.seek(int(run[0]) * vectors[0].nbytes)
        file.write(together.tobytes())


def read_rows(file: int, rows: Rows, *, width: int, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    """Return the vectors at these rows of the flat file.

    Read, not mapped: rows in no order would map the whole file, which then counts as memory of the process.

    Args:
        file: Descriptor of the flat file.
        rows: In any order.
        width: Numbers of a vector.
        dtype: Of a number.
    """
    size = width * dtype.itemsize
    return np.frombuffer(b"".join(os.pread(file, size, row * size) for row in rows.tolist()), dtype).reshape(-1, width)


def group_rows(width: int) -> int:
    """Return how many rows of vectors of this width make a row group."""
    return max(1, GROUP_VALUES // width)


def write_vectors(
    where: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, day: dt.date | None = None
) -> int:
    """Write `embeddings` to `where` and return the number of rows.

    Plain float16 with zstd: measured against dictionaries (half the speed, nothing saved) and BYTE_STREAM_SPLIT (8 %
    smaller, but DuckDB does not read it).

    Args:
        where: The file.
        schema: `tables.embeddings_schema(width)`.
        batches: Of `group_rows(width)` rows each but the last one; each makes a row group.
        day: The partition, if the file is to have its column.
    """
    rows, group = 0, group_rows(tables.vector_width(schema))
    stored = schema if day is None else tables.stored_schema(schema)
    with open_checksummed_writer(where, stored, compression="zstd", use_dictionary=["user_id", "day"]) as writer:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            writer.write_table(table if day is None else tables.add_day(table, day), row_group_size=group)
            rows += batch.num_rows
    return rows


def max_unit_length_error(where: Path) -> float:
    """Return by how much the length of a vector in a file of `write_vectors` differs from 1, at most.

    Infinite if a number is not finite; 0.0 if there are no vectors. Memory: a row group.
    """
    worst = 0.0
    for batch in pq.ParquetFile(where).iter_batches(columns=["vector"]):
        vectors = batch["vector"].flatten().to_numpy(zero_copy_only=False).astype(np.float32)
        lengths = np.linalg.norm(vectors.reshape(batch.num_rows, -1), axis=1)
        worst = max(worst, float(np.nan_to_num(np.abs(lengths - 1), nan=np.inf, posinf=np.inf).max(initial=0.0)))
    return worst
