"""Write vectors to a flat file (one per distinct text) and to a Parquet file (one per post), and read them back."""

import datetime as dt
import os
from collections.abc import Iterable
from io import BufferedRandom
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets import tables
from persona_assets.common.chunked_writes import write_in_pieces
from persona_assets.common.parquet_checksums import open_checksummed_writer

RowNumbers = npt.NDArray[np.int64]

# Maximum number of vector components in a row group. Arrow needs some 25 bytes for each while it writes: row groups of
# 122,880 rows, as in other tables, would take 1.2 GiB at 384 dimensions, and 3 GiB at 1024.
COMPONENTS_PER_ROW_GROUP = 1_572_864


def write_vectors_at_rows(file: BufferedRandom, rows: RowNumbers, vectors: npt.NDArray[np.generic]) -> None:
    """Write each vector to the flat file (raw vectors without header) at the position of its row number.

    Args:
        file: The flat file. All its vectors have one width and dtype.
        rows: `(n,)`, distinct, in any order.
        vectors: `(n, d)`.
    """
    order = np.argsort(rows)
    rows, vectors = rows[order], vectors[order]
    gaps = np.flatnonzero(np.diff(rows) != 1) + 1
    for consecutive, block in zip(np.split(rows, gaps), np.split(vectors, gaps), strict=True):
        file.seek(int(consecutive[0]) * vectors[0].nbytes)
        write_in_pieces(file, np.ascontiguousarray(block).data.cast("B"))


def read_vectors_at_rows(
    file: int, rows: RowNumbers, *, width: int, dtype: np.dtype[np.generic]
) -> npt.NDArray[np.generic]:
    """Read the vectors with these row numbers from the flat file: `(len(rows), width)`.

    The file is not memory-mapped, because reading rows at random would map all of it, which then counts as memory of
    the process.

    Args:
        file: Descriptor of the flat file.
        rows: Row numbers, in any order, may repeat.
        width: Number of dimensions of a vector.
        dtype: Type of a component.
    """
    size = width * dtype.itemsize
    return np.frombuffer(b"".join(os.pread(file, size, row * size) for row in rows.tolist()), dtype).reshape(-1, width)


def choose_rows_per_group(width: int) -> int:
    """Return the number of rows per Parquet row group for vectors with `width` dimensions."""
    return max(1, COMPONENTS_PER_ROW_GROUP // width)


def write_embeddings_table(
    where: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, day_column: dt.date | None = None
) -> int:
    """Write batches of posts with vectors to a Parquet file of the table `embeddings`; return the number of rows.

    Vectors are stored in plain encoding with zstd. Dictionary encoding was half as fast and no smaller.
    BYTE_STREAM_SPLIT was 8 % smaller, but DuckDB does not read it.

    Args:
        where: The file to write.
        schema: `tables.embeddings_schema(width)`.
        batches: Batches of `choose_rows_per_group(width)` rows; the last one may have fewer. Each becomes a row group.
        day_column: Value of the column `day`; None leaves the column out.
    """
    rows, group = 0, choose_rows_per_group(tables.read_vector_width(schema))
    stored = schema if day_column is None else tables.add_day_field(schema)
    with open_checksummed_writer(where, stored, compression="zstd", use_dictionary=["user_id", "day"]) as writer:
        for batch in batches:
            table = pa.Table.from_batches([batch])
            writer.write_table(
                table if day_column is None else tables.add_day_column(table, day_column), row_group_size=group
            )
            rows += batch.num_rows
    return rows


def max_unit_length_error(vectors: npt.NDArray[np.generic]) -> float:
    """Return the maximum absolute difference between the Euclidean norm of a vector and 1.

    It is infinite if a component is not finite, and 0.0 if there are no vectors.

    Args:
        vectors: float16 or float32 `(n, d)`.
    """
    errors = np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1)
    return float(np.nan_to_num(errors, nan=np.inf, posinf=np.inf).max(initial=0.0))
