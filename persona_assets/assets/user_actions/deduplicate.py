"""Find the events that were delivered more than once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.user_actions.event_order import scan
from persona_assets.common.database import find_repeated, open_duckdb, quote_local_parquet

_COLUMNS = ["user_id", "kind", "collection", "rkey", "operation", "rev", "seq", "event_time_us"]

# The columns that make two events the same. What has neither revision nor number is told apart by its time, but for
# creates and deletes: a record key is created once, whatever two recorders say of the time. An update may come often,
# and equal rows may be two of them: of a profile's content only the description is kept.
_KEY = {
    **{name: name for name in ("user_id", "kind", "collection", "rkey", "operation")},
    "rev": "rev",
    "number": "CASE WHEN rev IS NULL THEN seq END",
    "told_us": """
        CASE WHEN rev IS NULL AND seq IS NULL AND coalesce(operation, '') NOT IN ('create', 'delete')
        THEN event_time_us END
    """,
}
_HASH = f"hash({', '.join(_KEY.values())})"
_VIEW = """
    CREATE OR REPLACE TEMP VIEW events AS
    SELECT *, file_row_number AS position FROM read_parquet({file}, file_row_number = true)
"""
_HASHED = f"CREATE TEMP TABLE hashed AS SELECT {_HASH} AS one FROM events"  # noqa: S608 - made of constants
_REPEATS = f"""
    WITH doubtful AS MATERIALIZED (
        SELECT position, {", ".join(f"{made} AS {name}" for name, made in _KEY.items())}
        FROM events SEMI JOIN several ON several.one = {_HASH}
    )
    SELECT position
    FROM doubtful ANTI JOIN (SELECT min(position) AS position FROM doubtful GROUP BY {", ".join(_KEY)}) USING (position)
    ORDER BY position
"""  # noqa: S608 - made of constants
"""Of the events whose hash comes more than once, all but the first of those that are the same in full: DuckDB's hash
has no key, and anyone can make events of one hash."""


def find_repeats(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> np.ndarray:
    """Return the positions of events that an earlier row of `raw_events` has already told.

    Events are the same when user, collection, record key, operation and revision are; identity, account and sync
    events when user, kind and sequence number are. Without a revision or a number they are the same when their time is,
    creates and deletes at any time.

    Args:
        raw_events: `tables.RAW_EVENTS`; which of several is the first is a matter of its order.
        memory_limit: Beyond it (8 bytes an event, and the key of each that may come again) DuckDB spills to `scratch`.
        scratch: A folder that exists.

    Returns:
        int64 `(n_repeats,)`, ascending: row numbers in the order of `raw_events`, from 0.
    """
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        _view_numbered(con, raw_events)
        con.execute(_HASHED)
        several = find_repeated(con, "hashed", "one")
        if not len(several):
            return np.empty(0, np.int64)
        _view_numbered(con, raw_events)  # again: a stream of rows can be read once
        con.register("several", pa.table({"one": several}))
        return con.execute(_REPEATS).fetchnumpy()["position"].astype(np.int64)


def _view_numbered(con: duckdb.DuckDBPyConnection, raw_events: pads.Dataset) -> None:
    """Make events readable with their `position`, by DuckDB itself where it numbers them as pyarrow would."""
    files = quote_local_parquet(raw_events)
    if len(files) == 1:
        con.execute(_VIEW.format(file=files[0]))
    else:
        con.register("events", _number_rows(raw_events))


def _number_rows(raw_events: pads.Dataset) -> pa.RecordBatchReader:
    scanner = scan(raw_events, columns=_COLUMNS)

    def number() -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in scanner.to_batches():
            yield batch.append_column("position", pa.array(np.arange(rows, rows + len(batch))))
            rows += len(batch)

    schema = scanner.projected_schema.append(pa.field("position", pa.int64()))
    return pa.RecordBatchReader.from_batches(schema, number())
