"""Sort events that are too many, or too large, to be held: a relay that replays may give millions one instant."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from persona_assets.assets.raw_events.tie_break import count_repeated, make_sort_keys
from persona_assets.tables import RAW_EVENTS

# DuckDB needs some 50 MB a thread to sort outside of memory.
_MEMORY_LIMIT, _THREADS = "256MB", 2
# Rows are few enough to be held when each is as large as it may be.
_BATCH_ROWS = 1 << 12

_PLAIN = pa.schema(
    [pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in RAW_EVENTS]
)
# Plain strings compare by their bytes and lists item by item, as in `ties.make_sort_keys`.
_SORT = f"SELECT * FROM crowd ORDER BY {', '.join(f'{name} ASC NULLS LAST' for name in RAW_EVENTS.names)}"  # noqa: S608 - made of constants


def sort_crowd(pieces: Iterable[pa.RecordBatch], *, scratch: Path) -> Iterator[tuple[pa.Table, int]]:
    """Sort rows of `tables.RAW_EVENTS` by all columns, in bounded memory.

    Args:
        pieces: The rows, each piece small.
        scratch: A folder for about their bytes.

    Yields:
        The next rows, and how many of them are the same, in every column, as the one before them.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    # Workers, who import this module too, never need DuckDB: 0.3 s and 16 MB each.
    from persona_assets.common.database import open_duckdb  # noqa: PLC0415 - see above

    with open_duckdb(memory_limit=_MEMORY_LIMIT, scratch=scratch) as con:
        con.execute(f"SET threads TO {_THREADS}")
        con.register("crowd", pa.RecordBatchReader.from_batches(_PLAIN, (_plain(piece) for piece in pieces)))
        last: pa.Table | None = None
        for batch in con.sql(_SORT).to_arrow_reader(_BATCH_ROWS):
            table = pa.Table.from_batches([batch]).cast(_PLAIN)
            together = table if last is None else pa.concat_tables([last, table])
            last = table.slice(len(table) - 1)
            yield _typed(table), count_repeated(make_sort_keys(together))


def _plain(piece: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.cast(field.type) for column, field in zip(piece.columns, _PLAIN, strict=True)]
    return pa.record_batch(columns, schema=_PLAIN)


def _typed(table: pa.Table) -> pa.Table:
    columns = [
        column.combine_chunks().dictionary_encode().cast(field.type) if pa.types.is_dictionary(field.type) else column
        for column, field in zip(table.columns, RAW_EVENTS, strict=True)
    ]
    return pa.table(columns, schema=RAW_EVENTS)
