"""Find the events that were delivered more than once."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.engine import find_repeated, open_duckdb, quote_local_parquet
from persona_assets.user_actions.order import scan

_COLUMNS = ["user_id", "kind", "collection", "rkey", "operation", "rev", "seq", "event_time_us"]

# The columns that make two events the same, in two orders: each order gives 64 bits, so that two events that
# differ are taken for the same with a chance of 1e-24 in a day of 35 million. What has neither revision nor
# number is told apart by its time.
_NUMBER = "coalesce(rev, seq::VARCHAR), CASE WHEN rev IS NULL AND seq IS NULL THEN event_time_us END"
_VIEW = """
    CREATE TEMP VIEW events AS
    SELECT *, file_row_number AS position FROM read_parquet({file}, file_row_number = true)
"""
_KEYED = f"""
    CREATE TEMP TABLE keyed AS
    SELECT position, hash(user_id, kind, collection, rkey, operation, {_NUMBER}) AS one,
        hash({_NUMBER}, rkey, collection, operation, kind, user_id) AS two
    FROM events
"""  # noqa: S608 - made of constants
_REPEATS = """
    SELECT position FROM (
        SELECT position, row_number() OVER (PARTITION BY one, two ORDER BY position) AS told
        FROM keyed SEMI JOIN several USING (one)
    ) WHERE told > 1 ORDER BY position
"""


def find_repeats(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> np.ndarray:
    """Return the positions of events that an earlier row of `raw_events` has already told.

    Events are the same when user, collection, record key, operation and revision are; identity, account and sync
    events when user, kind and sequence number are.

    Args:
        raw_events: `tables.RAW_EVENTS`; which of several is the first is a matter of its order.
        memory_limit: Beyond it (24 bytes an event) DuckDB spills to `scratch`.
        scratch: A folder that exists.

    Returns:
        int64 `(n_repeats,)`, ascending: row numbers in the order of `raw_events`, from 0.
    """
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        _view_numbered(con, raw_events)
        con.execute(_KEYED)
        con.register("several", pa.table({"one": find_repeated(con, "keyed", "one")}))
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
