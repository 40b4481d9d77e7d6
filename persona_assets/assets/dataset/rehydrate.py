"""Fill the form `dehydrated` with texts from stored actions, and leave out what was deleted since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets.assets.dataset.release_schemas import DEHYDRATED
from persona_assets.common.columns import column, required_column
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.errors import StorageError

MESSAGE_DELETED = "message deleted since"
ACT_DELETED = "record of the act deleted since"
ACCOUNT_GONE = "account deleted, taken down or inactive since"
UNKNOWN = "message that the source does not have"
REASONS = (MESSAGE_DELETED, ACT_DELETED, ACCOUNT_GONE, UNKNOWN)

REHYDRATED = pa.schema(
    [
        *DEHYDRATED,
        required_column("texts", pa.list_(pa.string()), "Text of each message of `uris`; empty where it has none."),
        column("text", pa.string(), "The act's own text: of a quote, post_update or profile_update."),
    ]
)

# Where rows of the form are below the folder of a data set, and where they are put.
_FROM, _TO = "data/dehydrated", "data/rehydrated"

CREATE_ROWS = "CREATE TEMP TABLE given AS SELECT line_id, act, uri, uris, user_id FROM dehydrated"

CREATE_NEEDED = """
    CREATE TEMP TABLE needed AS
    SELECT DISTINCT uri FROM (
        SELECT unnest(uris) AS uri FROM given UNION ALL SELECT uri FROM given WHERE uri IS NOT NULL
    )
"""

CREATE_DELETED = """
    CREATE TEMP TABLE deleted AS
    SELECT DISTINCT uri FROM user_actions SEMI JOIN needed USING (uri)
    WHERE action IN ('post_delete', 'unlike', 'unrepost', 'unfollow', 'unblock')
"""

CREATE_GONE = """
    CREATE TEMP TABLE gone AS
    SELECT user_id FROM (
        SELECT user_id, arg_max(account_status, event_time_us) AS status
        FROM user_actions WHERE action = 'account_status' GROUP BY user_id
    ) WHERE status <> 'active'
"""

CREATE_TEXTS = """
    CREATE TEMP TABLE texts AS
    SELECT uri, user_id, max({'event_time_us': event_time_us, 'text': text}).text AS text
    FROM user_actions SEMI JOIN needed USING (uri)
    WHERE action IN ('post', 'reply', 'quote', 'post_update', 'profile_update')
    GROUP BY uri, user_id
"""
"""The last version of each record."""

SELECT_FILLED = f"""
    WITH shown AS (
        SELECT line_id, unnest(uris) AS uri, generate_subscripts(uris, 1) AS place FROM given
    ),
    filled AS (
        SELECT
            line_id, list(coalesce(texts.text, '') ORDER BY place) AS texts,
            bool_or(shown.uri IN (SELECT uri FROM deleted)) AS is_deleted,
            bool_or(texts.user_id IN (SELECT user_id FROM gone)) AS is_gone,
            bool_or(texts.uri IS NULL) AS is_unknown
        FROM shown LEFT JOIN texts ON texts.uri = shown.uri
        GROUP BY line_id
    )
    SELECT
        given.line_id, coalesce(filled.texts, []) AS texts,
        CASE WHEN act IN ('quote', 'post_update', 'profile_update') THEN nullif(own.text, '') END AS text,
        CASE
            WHEN is_deleted THEN '{MESSAGE_DELETED}'
            WHEN given.uri IN (SELECT uri FROM deleted) AND act NOT LIKE 'un%' THEN '{ACT_DELETED}'
            WHEN is_gone OR given.user_id IN (SELECT user_id FROM gone) THEN '{ACCOUNT_GONE}'
            WHEN is_unknown THEN '{UNKNOWN}'
        END AS reason
    FROM given
    LEFT JOIN filled ON filled.line_id = given.line_id
    LEFT JOIN texts AS own ON own.uri = given.uri
    ORDER BY given.line_id
"""  # noqa: S608 - constants of this project


class Rehydrated(NamedTuple):
    """Result of `rehydrate`: rows read = rows written + rows left out, by reason."""

    read: int
    written: int
    left_out: dict[str, int]  # by reason, of several the first of REASONS


def rehydrate(folder: Path, user_actions: pads.Dataset, out: Path, *, memory_limit: str, scratch: Path) -> Rehydrated:
    """Add texts to rows of URIs (form `dehydrated`), and write them as `REHYDRATED`; deleted posts are left out.

    Args:
        folder: A data set with that form.
        user_actions: `tables.USER_ACTIONS` of any days: those of the data set's window for its texts, and later ones
            for what was deleted since.
        out: An existing folder.
        memory_limit: Of DuckDB's joins and sorts.
        scratch: An existing folder.

    Raises:
        StorageError: The folder has no such form, or a file of it is damaged.
    """
    files = sorted((folder / _FROM).glob("*/*.parquet"))
    if not files:
        raise StorageError(f"{folder} has no {_FROM}: make the data set with `dehydrated` in PERSONA_DATASET_FORMS")
    read = written = 0
    left_out: dict[str, int] = dict.fromkeys(REASONS, 0)
    try:
        with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
            with phase("finding texts"):
                _create_tables(con, files, user_actions)
                filled = _read_filled(con)
            with phase("writing lines", what="lines", total=filled.rows.num_rows) as done:
                for file in files:
                    rows = pq.read_table(file, partitioning=None, schema=DEHYDRATED)
                    kept, reasons = _fill(rows, filled)
                    read, written = read + rows.num_rows, written + kept.num_rows
                    for reason in reasons:
                        left_out[reason] += 1
                    target = out / _TO / file.relative_to(folder / _FROM)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    write_parquet(target, REHYDRATED, [kept])
                    done.add(rows.num_rows)
    except pa.ArrowException as error:
        raise StorageError(f"a file below {folder / _FROM} is not a whole Parquet file of this form") from error
    return Rehydrated(read, written, {reason: count for reason, count in left_out.items() if count})


def _create_tables(con: duckdb.DuckDBPyConnection, files: Sequence[Path], user_actions: pads.Dataset) -> None:
    create_dataset_view(con, "user_actions", user_actions)
    create_dataset_view(con, "dehydrated", pads.dataset([str(file) for file in files], schema=DEHYDRATED))
    for statement in (CREATE_ROWS, CREATE_NEEDED, CREATE_DELETED, CREATE_GONE, CREATE_TEXTS):
        con.execute(statement)


class _Filled(NamedTuple):
    """The texts of all lines, sorted by line; in memory, as they are those of one data set's rows without context."""

    line_ids: np.ndarray
    rows: pa.Table


def _read_filled(con: duckdb.DuckDBPyConnection) -> _Filled:
    rows = con.sql(SELECT_FILLED).to_arrow_table()
    return _Filled(rows["line_id"].to_numpy(), rows)


def _fill(rows: pa.Table, filled: _Filled) -> tuple[pa.Table, Iterator[str]]:
    """Return the rows that are kept with their texts, and the reason of each that is not."""
    places = pa.array(np.searchsorted(filled.line_ids, rows["line_id"].to_numpy()))
    found = filled.rows.take(places)
    is_kept = pc.is_null(found["reason"])
    texts = found["texts"].cast(REHYDRATED.field("texts").type)
    whole = rows.append_column("texts", texts).append_column("text", found["text"])
    reasons = iter(found["reason"].drop_null().to_pylist())
    return whole.cast(REHYDRATED).filter(is_kept), reasons
