"""Find the events that were delivered more than once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.engine import open_duckdb
from persona_assets.user_actions.order import scan

_COLUMNS = ["user_id", "kind", "collection", "rkey", "operation", "rev", "seq", "event_time_us"]

# The columns that make two events the same, in two orders: each order gives 64 bits, so that two events that
# differ are taken for the same with a chance of 1e-24 in a day of 35 million. What has neither revision nor
# number is told apart by its time.
_NUMBER = "coalesce(rev, seq::VARCHAR), CASE WHEN rev IS NULL AND seq IS NULL THEN event_time_us END"
_FIND = f"""
CREATE TEMP TABLE keyed AS
    SELECT position, hash(user_id, kind, collection, rkey, operation, {_NUMBER}) AS one,
        hash({_NUMBER}, rkey, collection, operation, kind, user_id) AS two
    FROM events;
SELECT position FROM (
    SELECT position, row_number() OVER (PARTITION BY one, two ORDER BY position) AS told
    FROM keyed SEMI JOIN (SELECT one, two FROM keyed GROUP BY ALL HAVING count(*) > 1) USING (one, two)
) WHERE told > 1 ORDER BY position
"""  # noqa: S608 - made of constants


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
        con.register("events", _number_rows(raw_events))
        return con.execute(_FIND).fetchnumpy()["position"].astype(np.int64)


def _number_rows(raw_events: pads.Dataset) -> pa.RecordBatchReader:
    scanner = scan(raw_events, columns=_COLUMNS)

    def number() -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in scanner.to_batches():
            yield batch.append_column("position", pa.array(np.arange(rows, rows + len(batch))))
            rows += len(batch)

    schema = scanner.projected_schema.append(pa.field("position", pa.int64()))
    return pa.RecordBatchReader.from_batches(schema, number())
