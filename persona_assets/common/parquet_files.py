"""How every table of this project is written to a Parquet file."""

import datetime as dt
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.common.parquet_checksums import open_checked_writer

ROW_GROUP_ROWS = 122_880
# Bytes of the strings of a row group, which is held as a whole: rows may be a hundred times as long as they mostly are.
_GROUP_BYTES = 1 << 26

# Plain columns whose values repeat. A dictionary of any other (uris, keys, texts, vectors) grows to its limit and
# is then given up: trying costs a quarter of the writing, a third of the reading and a tenth of the size.
_REPEATING = (
    "action",
    "user_id",
    "subject_did",
    "target_user_id",
    "account_status",
    "source_file",
    "langs.list.element",
    "day",
)
# Many values of which to find the few that differ; the ids of 116,000 users fit.
_DICTIONARY_BYTES = 1 << 22
# Least and greatest of these, in each row group and page, would tell a reader nothing: values are all over.
_SCATTERED = (
    "rkey",
    "rev",
    "text",
    "raw",
    "parent_uri",
    "root_uri",
    "quoted_uri",
    "subject_uri",
    "subject_did",
    "target_uri",
    "target_user_id",
)
# Rows that are encoded together; the library's 1,024 take a twentieth longer.
_ENCODED_AT_ONCE = 1 << 14
# Instants ascend, or nearly: differences take a fifth of the bytes.
_ASCENDING = ("event_time_us", "seq", "line_number")


def write_parquet(  # noqa: PLR0913 - what a file is made of, and how
    where: Path | Any,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch | pa.Table],
    *,
    day: dt.date | None = None,
    group_rows: int = ROW_GROUP_ROWS,
    threads: int = 1,
) -> int:
    """Write `batches` to `where` one after the other and return the number of rows.

    The bytes depend on the rows and their order alone, not on how they were cut into batches or how those
    batches numbered the values of a dictionary.

    Args:
        where: A path, or a file open for writing bytes.
        schema: Of each batch, and of the file.
        batches: In the order of the file's rows. About one row group and one batch are held.
        day: The partition that the file is stored in: its rows get a last column `day`. None for other files.
        group_rows: Rows of a row group; it has fewer where these are long.
        threads: With more than one, a row group is made while the one before it is written.

    Returns:
        The number of rows written.
    """
    rows = 0
    stored = schema if day is None else tables.stored_schema(schema)
    with open_checked_writer(where, stored, compression="zstd", **_choose_encodings(stored)) as writer:
        groups = map(_settle, _regroup(batches, schema, group_rows))
        for group in groups if threads == 1 else _ahead(groups):
            writer.write_table(group if day is None else tables.add_day(group, day), row_group_size=group_rows)
            rows += group.num_rows
    return rows


def _ahead(groups: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same, each made by a thread of its own while the one before it is in use."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, groups, None)
        while (group := coming.result()) is not None:
            coming = thread.submit(next, groups, None)
            yield group


def _choose_encodings(schema: pa.Schema) -> dict[str, Any]:
    closed = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    repeating = [name for name in _REPEATING if name.partition(".")[0] in schema.names]
    ascending = [name for name in _ASCENDING if name in schema.names]
    return {
        "use_dictionary": closed + repeating,
        "write_statistics": [name for name in schema.names if name not in _SCATTERED],
        "dictionary_pagesize_limit": _DICTIONARY_BYTES,
        "write_batch_size": _ENCODED_AT_ONCE,
        "column_encoding": dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
    }


def _regroup(batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, group_rows: int) -> Iterator[pa.Table]:
    """Yield tables of one row group each: `group_rows` rows, or as many as hold `_GROUP_BYTES`, but one at least."""
    held: list[pa.Table] = []
    rows = size = 0
    for batch in batches:
        table = pa.Table.from_batches([batch], schema) if isinstance(batch, pa.RecordBatch) else batch
        while table.num_rows:
            sizes = size + np.cumsum(_measure(table.slice(0, group_rows - rows)))
            # One row fits into an empty group, whatever its size.
            fitting = max(int(np.searchsorted(sizes, _GROUP_BYTES, side="right")), 0 if rows else 1)
            held.append(table.slice(0, fitting))
            rows, size = rows + fitting, sizes[fitting - 1] if fitting else size
            table = table.slice(fitting)
            if rows == group_rows or table.num_rows:
                yield pa.concat_tables(held)
                held, rows, size = [], 0, 0
    if rows:
        yield pa.concat_tables(held)


def _measure(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the bytes of each row's strings, those in dictionaries and lists aside, which are few."""
    sizes = np.zeros(table.num_rows, np.int64)
    for column in table.itercolumns():
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return sizes


def _settle(group: pa.Table) -> pa.Table:
    """Put each column into one chunk, its dictionary in the order in which values appear."""
    columns = [_number_values(column) for column in group.itercolumns()]
    return pa.table(columns, schema=group.schema).combine_chunks()


def _number_values(column: pa.ChunkedArray) -> pa.Array:
    if not pa.types.is_dictionary(column.type):
        return column
    whole = column.unify_dictionaries().combine_chunks()
    numbers = whole.indices.dictionary_encode()  # old numbers in the order in which they appear
    return pa.DictionaryArray.from_arrays(
        numbers.indices.cast(column.type.index_type), whole.dictionary.take(numbers.dictionary)
    )
