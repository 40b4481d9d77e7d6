"""Write tables to Parquet files whose bytes depend only on the rows and their order."""

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.common.parquet_checksums import open_checksummed_writer

ROW_GROUP_ROWS = 122_880
# Maximum bytes of strings in a row group. A row group is in memory as a whole, and some rows are a hundred times as
# long as most.
_MAX_GROUP_BYTES = 1 << 26

# Columns that get a dictionary because their values repeat. For other columns (URIs, keys, texts, vectors) the writer
# would fill a dictionary up to the limit and then discard it. That costs a quarter of the time to write, a third of the
# time to read and a tenth of the size.
_DICTIONARY_COLUMNS = (
    "action",
    "user_id",
    "subject_did",
    "target_user_id",
    "account_status",
    "source_file",
    "langs.list.element",
    "day",
)
# Size limit of a dictionary page: the ids of 116,000 users fit.
_MAX_DICTIONARY_BYTES = 1 << 22
# Columns without min/max statistics: their values have no order within the file, so that no row group could be skipped.
_NO_STATISTICS_COLUMNS = (
    "rkey",
    "rev",
    "text",
    "raw",
    "parent_uri",
    "root_uri",
    "quoted_uri",
    "subject_uri",
    "subject_did",
    "preference_json",
    "target_uri",
    "target_user_id",
)
# Rows per call of the encoder. pyarrow's default, 1,024, takes 5 % more time.
_WRITE_BATCH_ROWS = 1 << 14
# Columns whose values (nearly) ascend: delta encoding takes a fifth of the bytes.
_DELTA_COLUMNS = ("event_time_us", "seq", "line_number")

Item = TypeVar("Item")


def write_parquet(  # noqa: PLR0913 - content and format of a file
    where: Path | Any,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch | pa.Table],
    *,
    day_column: dt.date | None = None,
    max_group_rows: int = ROW_GROUP_ROWS,
    prefetch_groups: bool = False,
) -> int:
    """Write batches to one Parquet file, not atomically, and return the number of rows.

    The bytes of the file depend only on the rows and their order. They do not depend on the size of the batches, nor on
    the order of the values in the batches' dictionaries.

    Args:
        where: A path, or a file open for writing bytes.
        schema: Schema of each batch.
        batches: Batches in the order of the file's rows. About one row group and one batch are in memory at a time.
        day_column: Partition day of the file, which is added as the last column `day`; None adds no column.
        max_group_rows: Maximum rows of a row group. Groups of long rows have fewer.
        prefetch_groups: Prepare the next row group in another thread while the one before it is written.

    Returns:
        The number of rows written.
    """
    rows = 0
    stored = schema if day_column is None else tables.add_day_field(schema)
    with open_checksummed_writer(where, stored, compression="zstd", **_choose_encodings(stored)) as writer:
        groups = map(_normalise, _regroup(batches, schema, max_group_rows))
        for group in prefetch(groups) if prefetch_groups else groups:
            writer.write_table(
                group if day_column is None else tables.add_day_column(group, day_column), row_group_size=max_group_rows
            )
            rows += group.num_rows
    return rows


def render_parquet(table: pa.Table, *, day_column: dt.date) -> bytes:
    """Return a small table as the content of a Parquet file, as `write_parquet` writes it."""
    content = io.BytesIO()
    write_parquet(content, table.schema, [table], day_column=day_column)
    return content.getvalue()


def prefetch(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the items of an iterator in order, computing the next one in another thread; None is not allowed."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = thread.submit(next, items, None)
            yield item


def _choose_encodings(schema: pa.Schema) -> dict[str, Any]:
    dictionaries = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    repeating = [name for name in _DICTIONARY_COLUMNS if name.partition(".")[0] in schema.names]
    ascending = [name for name in _DELTA_COLUMNS if name in schema.names]
    return {
        "use_dictionary": dictionaries + repeating,
        "write_statistics": [name for name in schema.names if name not in _NO_STATISTICS_COLUMNS],
        "dictionary_pagesize_limit": _MAX_DICTIONARY_BYTES,
        "write_batch_size": _WRITE_BATCH_ROWS,
        "column_encoding": dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
    }


def _regroup(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, group_rows: int) -> Iterator[pa.Table]:
    """Yield one table per row group.

    A group ends after `group_rows` rows or before its strings exceed `_MAX_GROUP_BYTES`, and has at least one row.
    """
    pending: list[pa.Table] = []
    rows = size = 0
    for batch in batches:
        table = pa.Table.from_batches([batch], schema) if isinstance(batch, pa.RecordBatch) else batch
        while table.num_rows:
            sizes = size + np.cumsum(_string_bytes(table.slice(0, group_rows - rows)))
            # An empty group takes one row of any size.
            fitting = max(int(np.searchsorted(sizes, _MAX_GROUP_BYTES, side="right")), 0 if rows else 1)
            pending.append(table.slice(0, fitting))
            rows, size = rows + fitting, sizes[fitting - 1] if fitting else size
            table = table.slice(fitting)
            if rows == group_rows or table.num_rows:
                yield pa.concat_tables(pending)
                pending, rows, size = [], 0, 0
    if rows:
        yield pa.concat_tables(pending)


def _string_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the bytes of the strings in each row, `(n_rows,)`; the few in dictionaries and lists are not counted."""
    sizes = np.zeros(table.num_rows, np.int64)
    for column in table.itercolumns():
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return sizes


def _normalise(group: pa.Table) -> pa.Table:
    """Return the table with one chunk per column, and dictionaries ordered by the first occurrence of each value."""
    columns = [_order_dictionary(column) for column in group.itercolumns()]
    return pa.table(columns, schema=group.schema).combine_chunks()


def _order_dictionary(column: pa.ChunkedArray) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    whole = column.unify_dictionaries().combine_chunks()
    by_occurrence = whole.indices.dictionary_encode()  # old indices, ordered by first occurrence
    return pa.DictionaryArray.from_arrays(
        by_occurrence.indices.cast(column.type.index_type), whole.dictionary.take(by_occurrence.dictionary)
    )
