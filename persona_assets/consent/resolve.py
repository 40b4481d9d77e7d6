"""Resolve statements of any days into one row per account: what it allows now.

1. Of each record and account the last state counts (`last_states`); a deleted record says nothing.
2. A statement counts for us if it is global, about the collection of posts, or about an entity that we are. A scoped
   one overrides the global ones. Among statements of equal rank a refusal wins, and so between the two lexicons.
3. Self-labels are those of the last profile, and the status that of the last account event. Of events of one instant
   that nothing tells apart, the stricter counts.

The result is a function of the set of statements: neither their order nor repetitions matter.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import open_duckdb
from persona_assets.common.lexicon import POST
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.consent.compaction import (
    DECLARATIONS,
    SAYS_SOMETHING,
    CompactedStatements,
    create_statements_view,
)
from persona_assets.consent.last_states import last_states_sql
from persona_assets.consent.purposes import PURPOSES
from persona_assets.consent.schemas import CONSENTS

if TYPE_CHECKING:
    import duckdb

_BATCH_ROWS = 32_768

# Most accounts only ever say that they are active and have no such label. They need no row, and most rows of the days
# are theirs: the accounts that matter are found first, by columns that are read fast.
_SPEAKERS = f"CREATE TEMP TABLE speakers AS SELECT DISTINCT user_id FROM consent_records WHERE {SAYS_SOMETHING}"  # noqa: S608 - made of constants
_OF_SPEAKERS = "user_id IN (SELECT user_id FROM speakers)"
# How a statement counts: 0 as a global one, 1 as an override, NULL not at all.
_RANKED = f"""
    CREATE TEMP TABLE ranked AS SELECT *, CASE
        WHEN scope = 'global' THEN 0
        WHEN scope = 'collection' AND scope_value = '{POST}' THEN 1
        WHEN scope = 'entity' AND lower(scope_value) IN (SELECT name FROM entities) THEN 1
        WHEN scope = 'unknown' AND NOT allow THEN 0
    END AS place_of_scope
    FROM states WHERE purpose IS NOT NULL
"""  # noqa: S608 - made of constants
_DECIDED = """
    CREATE TEMP TABLE decided AS
    SELECT user_id, purpose, allow, record, coalesce(updated_at_us, event_time_us) AS time_us FROM (
        SELECT * FROM ranked WHERE place_of_scope IS NOT NULL
        QUALIFY rank() OVER (PARTITION BY user_id, purpose, kind ORDER BY place_of_scope DESC) = 1
    )
    QUALIFY row_number() OVER (
        PARTITION BY user_id, purpose ORDER BY allow, event_time_us DESC, record, updated_at_us DESC NULLS LAST
    ) = 1
"""
# Of these an account has one record, so that its last state is a maximum: half the time of `last_states`, which sorts.
_LABELS = f"""
    CREATE TEMP TABLE labels AS SELECT user_id, last.time_us AS self_labels_time_us, bot.value AS bot,
        last.value AS no_unauthenticated
    FROM (
        SELECT user_id, max({{place}}, 'value': no_unauthenticated}}) AS last, max({{place}}, 'value': bot}}) AS bot
        FROM consent_records WHERE kind = 'self_labels' AND {_OF_SPEAKERS} GROUP BY user_id
    )
""".replace("{place}", "{'time_us': event_time_us, 'rev': coalesce(rev, ''), 'is_record': operation <> 'delete'")  # noqa: S608 - made of constants
_ACCOUNTS = f"""
    CREATE TEMP TABLE accounts AS SELECT user_id, last.time_us AS account_time_us, last.status AS account_status
    FROM (
        SELECT user_id, max({{
            'time_us': event_time_us, 'is_closed': account_status <> 'active', 'status': account_status
        }}) AS last
        FROM consent_records WHERE kind = 'account_status' AND {_OF_SPEAKERS} GROUP BY user_id
    )
"""  # noqa: S608 - made of constants
_OF_PURPOSES = ", ".join(
    f"any_value({value}) FILTER (purpose = '{purpose}') AS {purpose}_{name}"
    for purpose in PURPOSES
    for name, value in (("allow", "allow"), ("record", "record"), ("time_us", "time_us"))
)
_RESULT = f"""
    WITH said AS (SELECT user_id, {_OF_PURPOSES} FROM decided GROUP BY user_id)
    SELECT {", ".join(CONSENTS.names)} FROM (
        SELECT * REPLACE (
            coalesce(no_unauthenticated, false) AS no_unauthenticated, coalesce(bot, false) AS bot
        )
        FROM speakers LEFT JOIN said USING (user_id) LEFT JOIN labels USING (user_id)
        LEFT JOIN accounts USING (user_id)
    ) ORDER BY user_id
"""  # noqa: S608 - made of constants


class ResolvedConsents(NamedTuple):
    """Result of `resolve_statements`: a Parquet file of `CONSENTS`, and counts of the statements behind it."""

    consents: Path  # CONSENTS, sorted by account
    accounts: int  # rows of it
    states: Counter[str]  # last states over all days, of accounts with a row, by kind
    withdrawn: int  # of these states: declarations that were deleted
    not_binding: Counter[str]  # statements that do not count here, by reason
    said: int  # rows that say something; the others say that an account is active, or has no such label


def resolve_statements(  # noqa: PLR0913 - statements, who we are, and the limits of a query
    consent_records: pads.Dataset,
    *,
    entities: Sequence[str],
    memory_limit: str,
    scratch: Path,
    compacted: CompactedStatements | None = None,
    provenance: Provenance | None = None,
) -> ResolvedConsents:
    """Combine the statements of any days into one row per account, what it allows now, in a Parquet file.

    Args:
        consent_records: `CONSENT_RECORDS` of the days, in any order. A day may be in it several times.
        entities: The DIDs and domains that we are, in lower case.
        memory_limit: Memory limit of DuckDB, beyond which it spills to `scratch`.
        scratch: An existing folder for temporary files; `consents.parquet` in it is written anew.
        compacted: Statements of further days, compacted. The table is the same as from these days themselves.
        provenance: How the table was made, for the schema metadata of its file.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    where = scratch / "consents.parquet"
    with phase("resolving statements"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
        create_statements_view(con, "consent_records", consent_records, compacted)
        con.register("entity_names", pa.table({"name": pa.array(entities, pa.string())}))
        con.execute("CREATE TEMP TABLE entities AS SELECT name FROM entity_names")
        con.execute(_SPEAKERS)
        con.execute(f"CREATE TEMP TABLE states AS {last_states_sql('consent_records', where=DECLARATIONS)}")
        for query in (_RANKED, _DECIDED, _LABELS, _ACCOUNTS):
            con.execute(query)
        rows = con.sql(_RESULT).to_arrow_reader(_BATCH_ROWS)
        typed = (pa.Table.from_batches([batch]).cast(CONSENTS) for batch in rows)
        accounts = write_parquet(where, with_provenance(CONSENTS, provenance), typed)
        return ResolvedConsents(where, accounts, *_count(con))


_STATES = """
    SELECT kind, count(DISTINCT (user_id, record)) FROM states GROUP BY kind
    UNION ALL SELECT 'self_labels', count(*) FROM labels
    UNION ALL SELECT 'account_status', count(*) FROM accounts
"""
_WITHDRAWN = "SELECT count(DISTINCT (user_id, record)) FROM states WHERE operation = 'delete'"
_NOT_COUNTED = """
    SELECT scope, allow, count(*) FROM ranked WHERE place_of_scope IS NULL GROUP BY scope, allow ORDER BY scope, allow
"""
_SAID = f"SELECT count(*) FROM consent_records WHERE {SAYS_SOMETHING}"  # noqa: S608 - made of constants
_NOT_BINDING: Mapping[str, str] = {
    "entity": "{}, for another entity",
    "collection": "{}, for another collection than posts",
    "unknown": "{}, in a scope that is unknown",
}


def _count(con: "duckdb.DuckDBPyConnection") -> tuple[Counter[str], int, Counter[str], int]:
    """Return the counts of `ResolvedConsents`, in its order."""
    states = Counter({kind: count for kind, count in con.sql(_STATES).fetchall() if count})
    ((withdrawn,),) = con.sql(_WITHDRAWN).fetchall()
    not_binding = {
        _NOT_BINDING[scope].format("allows" if allow else "refuses"): count
        for scope, allow, count in con.sql(_NOT_COUNTED).fetchall()
    }
    ((said,),) = con.sql(_SAID).fetchall()
    return states, withdrawn, Counter(not_binding), int(said)
