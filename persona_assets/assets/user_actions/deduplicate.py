"""Find duplicate events: those that were delivered more than once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import create_numbered_view, find_duplicate_values, open_duckdb

_COLUMNS = ["user_id", "kind", "collection", "rkey", "operation", "rev", "seq", "event_time_us"]

# Two events are duplicates when these expressions are equal. Events without revision and sequence number are compared
# by time. Creates and deletes are an exception: a record key is created once, even if two recorders give different
# times. Updates are not: a record may have many, and rows that differ in time alone may be different updates, because
# only the description of a profile is kept.
_KEY = {
    **{name: name for name in ("user_id", "kind", "collection", "rkey", "operation")},
    "rev": "rev",
    "sequence_number": "CASE WHEN rev IS NULL THEN seq END",
    "deciding_time_us": """
        CASE WHEN rev IS NULL AND seq IS NULL AND coalesce(operation, '') NOT IN ('create', 'delete')
        THEN event_time_us END
    """,
}
_HASH = f"hash({', '.join(_KEY.values())})"
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
"""Selects, among events whose hash is repeated, all but the first of each group with equal keys. The full comparison is
needed because DuckDB's hash has no secret key: anyone can craft different events with the same hash."""


def find_duplicate_rows(raw_events: pads.Dataset, *, memory_limit: str, scratch: Path) -> np.ndarray:
    """Return the row numbers of events that repeat an earlier row, except for the time of delivery.

    Commits are duplicates when user, collection, record key, operation and revision are equal; identity, account and
    sync events when user, kind and sequence number are. Without revision and sequence number, the times must be equal
    too, except for creates and deletes.

    Args:
        raw_events: `tables.RAW_EVENTS`; its order decides which of several duplicates is the first.
        memory_limit: Memory limit of DuckDB, such as "4GB", beyond which it spills to `scratch`. It needs 8 bytes per
            event, and the key of each event that may be a duplicate.
        scratch: An existing folder.

    Returns:
        int64 `(n_duplicates,)`, ascending: row numbers in `raw_events`, from 0.
    """
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        create_numbered_view(con, "events", raw_events, columns=_COLUMNS, number="position")
        con.execute(_HASHED)
        repeated_hashes = find_duplicate_values(con, "hashed", "one")
        if not len(repeated_hashes):
            return np.empty(0, np.int64)
        # Again: a stream of rows can be read only once.
        create_numbered_view(con, "events", raw_events, columns=_COLUMNS, number="position")
        con.register("several", pa.table({"one": repeated_hashes}))
        return np.asarray(con.execute(_REPEATS).fetchnumpy()["position"], np.int64)
