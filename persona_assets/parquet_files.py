"""How every table of this project is written to a Parquet file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 122_880


def write_parquet(where: Path | Any, schema: pa.Schema, batches: Iterable[pa.RecordBatch | pa.Table]) -> int:
    """Write `batches` to `where` one after the other and return the number of rows.

    Args:
        where: A path, or a file open for writing bytes.
        schema: Of the file; each batch must have it.
        batches: In the order of the file's rows. At most one row group (122,880 rows) is held in memory.

    Returns:
        The number of rows written.
    """
    rows = 0
    with pq.ParquetWriter(where, schema, compression="zstd") as writer:
        for piece in _regroup(batches, schema):
            writer.write_table(piece, row_group_size=ROW_GROUP_ROWS)
            rows += piece.num_rows
    return rows


def _regroup(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema) -> Iterable[pa.Table]:
    """Yield tables of one row group each: where a group ends must not depend on how batches were cut."""
    held: list[pa.Table] = []
    held_rows = 0
    for batch in batches:
        table = pa.Table.from_batches([batch], schema) if isinstance(batch, pa.RecordBatch) else batch
        held.append(table)
        held_rows += table.num_rows
        if held_rows >= ROW_GROUP_ROWS:
            together = pa.concat_tables(held)
            whole = held_rows - held_rows % ROW_GROUP_ROWS
            for start in range(0, whole, ROW_GROUP_ROWS):
                yield together.slice(start, ROW_GROUP_ROWS)
            held, held_rows = [together.slice(whole)], held_rows - whole
    if held_rows:
        yield pa.concat_tables(held)
