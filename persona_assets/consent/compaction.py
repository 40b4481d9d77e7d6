"""Compact the statements of many days, so that a new day need not read all of them again.

Of the statements that say nothing but that an account is active, or that a profile has no label, only the last one of
an account and kind can count. All others are kept: they tell who has said something on any day. A compacted table
gives the same `consents` as the days behind it, alone or together with other days.

If a day behind it is made again or is gone, its rows are left out. Where one of them was the last one of its account
and kind, and the new days have none that is as late, those of the account are looked up in the days that are unchanged.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.consent.schemas import COMPACTED_STATEMENTS

if TYPE_CHECKING:
    import duckdb

DECLARATIONS = "kind IN ('ai_preference', 'user_intents')"
# A statement that gives its account a row in `consents`. All others are neutral.
SAYS_SOMETHING = (
    f"({DECLARATIONS} OR coalesce(no_unauthenticated, false) OR coalesce(bot, false) "
    "OR coalesce(account_status <> 'active', false))"
)
_BATCH_ROWS = 32_768

# Accounts of which a changed day had the last neutral statement, and the new days have none that is as late.
_UNKNOWN_USERS = f"""
    CREATE TEMP TABLE unknown_users AS SELECT DISTINCT user_id FROM (
        SELECT user_id, kind, max(event_time_us) AS time_us FROM compacted
        WHERE day IN (SELECT day FROM changed_days) AND NOT {SAYS_SOMETHING} GROUP BY ALL
    ) LEFT JOIN (
        SELECT user_id, kind, max(event_time_us) AS new_time_us FROM new_statements
        WHERE NOT {SAYS_SOMETHING} GROUP BY ALL
    ) USING (user_id, kind) WHERE new_time_us IS NULL OR new_time_us < time_us
"""  # noqa: S608 - made of constants
_OF_UNKNOWN_USERS = f"NOT {SAYS_SOMETHING} AND user_id IN (SELECT user_id FROM unknown_users)"  # noqa: S608 - made of constants
_STILL_VALID = f"day NOT IN (SELECT day FROM changed_days) AND NOT ({_OF_UNKNOWN_USERS})"  # noqa: S608 - made of constants
_LAST_NEUTRAL = f"""
    CREATE TEMP TABLE last_neutral AS SELECT user_id, kind, max(event_time_us) AS event_time_us FROM statements
    WHERE NOT {SAYS_SOMETHING} GROUP BY ALL
"""  # noqa: S608 - made of constants
_NAMES = ", ".join(COMPACTED_STATEMENTS.names)
_COMPACTED = f"""
    SELECT {_NAMES} FROM statements WHERE {SAYS_SOMETHING} OR (user_id, kind, event_time_us) IN (
        SELECT (user_id, kind, event_time_us) FROM last_neutral
    ) ORDER BY {_NAMES}
"""  # noqa: S608 - made of constants


class CompactedStatements(NamedTuple):
    """Statements of many days, compacted, and what has become of these days since."""

    rows: pads.Dataset  # COMPACTED_STATEMENTS
    unchanged: pads.Dataset  # COMPACTED_STATEMENTS: the days behind them that are as they were
    changed: Sequence[str]  # the days behind them that were made again, or are gone


def create_statements_view(
    con: "duckdb.DuckDBPyConnection", name: str, days: pads.Dataset, compacted: CompactedStatements | None = None
) -> None:
    """Create a temporary view of statements that give the same `consents` as all that are behind them.

    Args:
        con: Where to create it.
        name: Name of the view. It has the columns of `days`.
        days: `CONSENT_RECORDS`, or `COMPACTED_STATEMENTS`, of the days that are not compacted.
        compacted: Further days; None for none.
    """
    if compacted is None:
        create_dataset_view(con, name, days)
        return
    create_dataset_view(con, "new_statements", days)
    create_dataset_view(con, "compacted", compacted.rows)
    columns, parts = ", ".join(days.schema.names), ["new_statements", "compacted"]
    if compacted.changed:
        create_dataset_view(con, "unchanged_days", compacted.unchanged)
        con.execute("CREATE TEMP TABLE changed_days (day DATE)")
        con.executemany("INSERT INTO changed_days VALUES (?)", [(day,) for day in compacted.changed])
        con.execute(_UNKNOWN_USERS)
        # A table, as resolving reads its statements several times, and this reads all days.
        con.execute(f"CREATE TEMP TABLE looked_up AS SELECT * FROM unchanged_days WHERE {_OF_UNKNOWN_USERS}")  # noqa: S608 - made of constants
        parts = ["new_statements", f"compacted WHERE {_STILL_VALID}", "looked_up"]
    rows = " UNION ALL ".join(f"SELECT {columns} FROM {part}" for part in parts)  # noqa: S608 - names of this project
    con.execute(f"CREATE TEMP VIEW {name} AS {rows}")


def write_compacted_statements(  # noqa: PLR0913 - what to compact, where to, and the limits of a query
    where: Path,
    days: pads.Dataset,
    compacted: CompactedStatements | None,
    *,
    metadata: Mapping[str, str],
    memory_limit: str,
    scratch: Path,
) -> int:
    """Write the compacted statements of days to a Parquet file, sorted, and return the number of rows.

    Args:
        where: The file.
        days: `COMPACTED_STATEMENTS` of the days that are not compacted.
        compacted: Further days; None for none.
        metadata: Further metadata of the file's schema.
        memory_limit: Memory limit of DuckDB, beyond which it spills to `scratch`.
        scratch: An existing folder for temporary files.

    Raises:
        StorageError: The disk of `scratch` or of `where` is full.
    """
    schema = COMPACTED_STATEMENTS.with_metadata({**(COMPACTED_STATEMENTS.metadata or {}), **metadata})
    with phase("compacting statements"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        create_statements_view(con, "statements", days, compacted)
        con.execute(_LAST_NEUTRAL)
        rows = con.sql(_COMPACTED).to_arrow_reader(_BATCH_ROWS)
        return write_parquet(where, schema, (pa.Table.from_batches([batch]).cast(schema) for batch in rows))
