"""Sort events that do not fit in memory, on disk with DuckDB.

A relay that replays its backlog may give millions of events the same time.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from persona_assets.assets.raw_events.tie_break import count_repeated_rows, make_sort_keys
from persona_assets.common.cpu_count import count_threads
from persona_assets.tables import RAW_EVENTS

# DuckDB needs about 50 MB per thread to sort on disk.
_MEMORY_LIMIT, _MAX_THREADS = "256MB", 2
# So few that a batch fits in memory even when every row has its maximum size.
_BATCH_ROWS = 1 << 12

_PLAIN_SCHEMA = pa.schema(
    [pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in RAW_EVENTS]
)
# Plain strings compare by their bytes and lists item by item, as in `tie_break.make_sort_keys`.
_SORT = f"SELECT * FROM events ORDER BY {', '.join(f'{name} ASC NULLS LAST' for name in RAW_EVENTS.names)}"  # noqa: S608 - made of constants


def sort_and_count_repeats(pieces: Iterable[pa.RecordBatch], *, scratch: Path) -> Iterator[tuple[pa.Table, int]]:
    """Sort events by all columns on disk; yield tables in order, each with its number of rows equal to the one before.

    Args:
        pieces: The rows, in small batches.
        scratch: A folder for temporary files of about the size of the rows.

    Yields:
        The next rows, and the number of them that equal the row before them in every column.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    # Imported here because worker processes import this module too and never need DuckDB: 0.3 s and 16 MB each.
    from persona_assets.common.database import open_duckdb  # noqa: PLC0415 - see above

    with open_duckdb(memory_limit=_MEMORY_LIMIT, scratch=scratch) as con:
        con.execute(f"SET threads TO {min(_MAX_THREADS, count_threads())}")
        con.register(
            "events",
            pa.RecordBatchReader.from_batches(_PLAIN_SCHEMA, (_decode_dictionaries(piece) for piece in pieces)),
        )
        last: pa.Table | None = None
        for batch in con.sql(_SORT).to_arrow_reader(_BATCH_ROWS):
            table = pa.Table.from_batches([batch]).cast(_PLAIN_SCHEMA)
            together = table if last is None else pa.concat_tables([last, table])
            last = table.slice(len(table) - 1)
            yield _encode_dictionaries(table), count_repeated_rows(make_sort_keys(together))


def _decode_dictionaries(piece: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.cast(field.type) for column, field in zip(piece.columns, _PLAIN_SCHEMA, strict=True)]
    return pa.record_batch(columns, schema=_PLAIN_SCHEMA)


def _encode_dictionaries(table: pa.Table) -> pa.Table:
    columns = [
        column.combine_chunks().dictionary_encode().cast(field.type) if pa.types.is_dictionary(field.type) else column
        for column, field in zip(table.columns, RAW_EVENTS, strict=True)
    ]
    return pa.table(columns, schema=RAW_EVENTS)
