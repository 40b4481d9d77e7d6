"""Extract the statements of a day and the posts deleted on it from the day's events."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets.assets.consent_records.statements import EVENT_COLUMNS, build_statements
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.lexicon import CONSENT_COLLECTIONS, POST, PROFILE, build_uris
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.consent.last_states import last_states_sql
from persona_assets.consent.schemas import CONSENT_RECORDS, DELETED_POSTS

REPLACED = "delivered again, or replaced by a later state of the day"
# Columns that earlier versions did not write: without them nothing is known of declarations and self-labels.
_NEEDED = ("self_labels", "preference_json")
_BATCH_ROWS = 32_768
_COLLECTIONS = ", ".join(f"'{name}'" for name in (*CONSENT_COLLECTIONS, PROFILE))
_STATEMENT_EVENTS = (
    f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE kind = 'account' OR collection IN ({_COLLECTIONS})"  # noqa: S608 - made of constants
)
_ACCOUNT_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)} FROM events WHERE kind = 'account'"  # noqa: S608 - the same
_DELETIONS = f"""
    SELECT user_id, rkey, max(event_time_us) AS event_time_us FROM events
    WHERE collection = '{POST}' AND operation = 'delete' GROUP BY user_id, rkey ORDER BY user_id, rkey
"""  # noqa: S608 - the same


class ExtractedStatements(NamedTuple):
    """Result of `extract_statements`: a Parquet file, the deleted posts, and counts; events = states + dropped."""

    consent_records: Path  # CONSENT_RECORDS (and the column `day`), sorted by account, kind, record and purpose
    deleted_posts: pa.Table  # DELETED_POSTS, sorted by account and key; about 110 bytes a row
    events: Counter[str]  # events read, by kind of statement
    states: Counter[str]  # states stored, by kind of statement: one per record or account
    dropped: Counter[str]  # events by reason
    problems: Counter[str]  # of declarations that were read, by problem
    has_declarations: bool  # False: an earlier version made the events, without declarations and self-labels


def extract_statements(
    raw_events: pads.Dataset,
    *,
    memory_limit: str,
    scratch: Path,
    day: dt.date | None = None,
    provenance: Provenance | None = None,
) -> ExtractedStatements:
    """Extract the statements and the deleted posts of a day; the result does not depend on the order of the events.

    Args:
        raw_events: `tables.RAW_EVENTS`.
        memory_limit: Memory limit of DuckDB, beyond which it spills to `scratch`.
        scratch: An empty folder for temporary files.
        day: Value of the column `day`; None leaves the column out.
        provenance: How the table was made, for the schema metadata of its file.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    has_declarations = all(
        name in fragment.physical_schema.names for fragment in raw_events.get_fragments() for name in _NEEDED
    )
    events, dropped, problems = Counter[str](), Counter[str](), Counter[str]()
    every, where = scratch / "statements.parquet", scratch / "consent_records.parquet"
    with phase("finding statements"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        if has_declarations:
            create_dataset_view(con, "events", raw_events)
        else:
            con.register("events", raw_events)  # DuckDB itself refuses files without a column

        def read_statements() -> Iterator[pa.Table]:
            query = _STATEMENT_EVENTS if has_declarations else _ACCOUNT_EVENTS
            for batch in con.sql(query).to_arrow_reader(_BATCH_ROWS):
                statements = build_statements(batch)
                for total, found in zip((events, dropped, problems), statements[1:], strict=True):
                    total.update(found)
                yield statements.rows

        write_parquet(every, CONSENT_RECORDS, read_statements())
        con.execute(f"CREATE VIEW statements AS SELECT * FROM read_parquet('{_quote(every)}')")  # noqa: S608 - quoted
        last = con.sql(last_states_sql("statements")).to_arrow_reader(_BATCH_ROWS)
        typed = (pa.Table.from_batches([batch]).cast(CONSENT_RECORDS) for batch in last)
        write_parquet(where, with_provenance(CONSENT_RECORDS, provenance), typed, day_column=day)
        deletions = con.sql(_DELETIONS).to_arrow_table()
    states = _count_states(where)
    dropped[REPLACED] = events.total() - dropped.total() - states.total()
    deleted = with_provenance(_to_deleted(deletions), provenance)
    return ExtractedStatements(where, deleted, events, states, +dropped, problems, has_declarations)


def _quote(path: Path) -> str:
    return str(path).replace("'", "''")


def _count_states(file: Path) -> Counter[str]:
    """Return the number of states by kind: a state of several statements has rows that follow each other."""
    table = pq.read_table(file, columns=["user_id", "kind", "record"])
    table = table.set_column(1, "kind", table["kind"].cast(pa.string()))
    counted = table.group_by(["user_id", "kind", "record"], use_threads=False).aggregate([]).group_by("kind")
    return Counter({row["kind"]: row["count_all"] for row in counted.aggregate([([], "count_all")]).to_pylist()})


def _to_deleted(deletions: pa.Table) -> pa.Table:
    collections = pa.chunked_array([pa.repeat(POST, len(deletions))])
    uris = build_uris(deletions["user_id"], collections, deletions["rkey"])
    return pa.table([uris, deletions["user_id"], pc.cast(deletions["event_time_us"], pa.int64())], schema=DELETED_POSTS)
