"""Pair posts that a user acted on with posts that it is estimated to have ignored at the same time.

An ignored post is an estimate (docs/adr/0016). It is used here only if its evidence says that the user could see it: an
account that the user follows wrote, liked or reposted it, after it was written and less than a day before an action of
the user. Posts that were drawn at random for the user are left out. The action that it is paired with follows within an
hour, so that both posts could be on the screen at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.message_store import MessageStore

# Actions that say that a user found a post worth it. A block or an update of a record says nothing of the kind.
ENGAGING = ("like", "repost", "quote", "reply")
IGNORE = "ignore"

NO_EVIDENCE = "no evidence"
DRAWN = "drawn at random, shown by nobody"
NOT_SEEN = "shown at no time at which the user could see it"
NO_ACT = "no action within an hour that is in the same split"
USED = "action is paired with a more similar post"
PAIRED = "paired"

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US

_ACTS = pa.schema(
    [
        ("line_id", pa.int64()),
        ("user_number", pa.int32()),
        ("split", pa.int8()),
        ("time_us", pa.int64()),
        ("message", pa.int32()),
    ]
)
_IGNORED = pa.schema([*_ACTS, ("user_id", pa.string()), ("uri", pa.string()), ("written_us", pa.int64())])

PAIRS = pa.schema(
    [
        ("line_id", pa.int64()),
        ("ignored_line_id", pa.int64()),
        ("ignored_message", pa.int32()),
        ("similarity", pa.float32()),
        ("rule", pa.string()),
        ("shown_minutes", pa.int32()),
        ("apart_minutes", pa.int32()),
    ]
)

CREATE_SEEN = f"""
    CREATE TEMP TABLE seen AS
    SELECT
        ignored.*, evidence.similarity, evidence.rule::VARCHAR AS rule, shown_time_us,
        CASE
            WHEN evidence.user_id IS NULL THEN '{NO_EVIDENCE}'
            WHEN shown_by IS NULL THEN '{DRAWN}'
            WHEN shown_time_us < written_us OR shown_time_us >= time_us OR time_us > shown_time_us + {_DAY_US}
            THEN '{NOT_SEEN}'
        END AS reason
    FROM ignored
    LEFT JOIN evidence
    ON evidence.user_id = ignored.user_id AND evidence.uri = ignored.uri AND evidence.event_time_us = ignored.time_us
"""  # noqa: S608 - the strings are constants of this file

CREATE_NEXT_ACTS = """
    CREATE TEMP TABLE next_acts AS
    SELECT user_number, split, time_us, min(line_id) AS line_id FROM engaged GROUP BY ALL
"""
"""Of several acts of one user at one time, the first line counts."""

CREATE_CANDIDATE_PAIRS = f"""
    CREATE TEMP TABLE candidate_pairs AS
    SELECT
        next_acts.line_id, seen.line_id AS ignored_line_id, seen.message AS ignored_message, similarity, rule,
        (seen.time_us - shown_time_us) // 60000000 AS shown_minutes,
        (next_acts.time_us - seen.time_us) // 60000000 AS apart_minutes,
        row_number() OVER (PARTITION BY next_acts.line_id ORDER BY similarity DESC, seen.line_id) AS place
    FROM (FROM seen WHERE reason IS NULL) AS seen
    ASOF JOIN next_acts
    ON next_acts.user_number = seen.user_number AND next_acts.split = seen.split AND next_acts.time_us >= seen.time_us
    WHERE next_acts.time_us <= seen.time_us + {_HOUR_US}
"""  # noqa: S608 - a number of this file

SELECT_PAIRS = "SELECT * EXCLUDE place FROM candidate_pairs WHERE place = 1 ORDER BY line_id"

COUNT_REASONS = f"""
    SELECT
        coalesce(
            reason, CASE WHEN place = 1 THEN '{PAIRED}' WHEN place > 1 THEN '{USED}' ELSE '{NO_ACT}' END
        ) AS reason,
        count(*)
    FROM seen LEFT JOIN candidate_pairs ON candidate_pairs.ignored_line_id = seen.line_id
    GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - the strings are constants of this file


class Pairs(NamedTuple):
    """Result of `pair_acts`: the table of pairs, and the number of lines with an ignored post by outcome."""

    table: pa.Table  # PAIRS, sorted by line_id; each line is in one pair at most
    outcomes: dict[str, int]  # lines of ignored posts: PAIRED, or why not; the sum is their number


def pair_acts(
    con: duckdb.DuckDBPyConnection,
    batches: Iterable[LineBatch],
    split_of_line: npt.NDArray[np.int8],
    store: MessageStore,
    evidence: pads.Dataset,
) -> Pairs:
    """Pair each post that a user ignored with one that it acted on within the same hour, if there is one.

    Memory: 25 bytes for each like, repost, quote and reply, and DuckDB's limit.

    Args:
        con: An open database without relations `engaged`, `ignored` and `evidence`.
        batches: All lines.
        split_of_line: int8, the split of each line by its id, -1 for none: such lines are in no pair.
        store: The messages.
        evidence: The table `ignored` of `cluster_jsonl`.
    """
    engaged, ignored = _collect(batches, split_of_line, store)
    con.register("engaged", engaged)
    con.register("ignored", ignored)
    con.register("evidence", evidence)
    for statement in (CREATE_SEEN, CREATE_NEXT_ACTS, CREATE_CANDIDATE_PAIRS):
        con.execute(statement)
    table = con.sql(SELECT_PAIRS).to_arrow_table().cast(PAIRS)
    return Pairs(table, dict(con.sql(COUNT_REASONS).fetchall()))


def find_target_messages(batch: LineBatch) -> npt.NDArray[np.int32]:
    """Return the number of the message that each line's act is about: int32 `(n,)`, -1 if it is not shown.

    Of a conversation it is the message that the last one answers.
    """
    places = batch.offsets[1:] - 1 - batch.is_conversation
    has_target = places >= batch.offsets[:-1]
    if not len(batch.messages):
        return np.full(batch.size, -1, np.int32)
    return np.where(has_target, batch.messages[np.maximum(places, 0)], -1).astype(np.int32)


def _collect(
    batches: Iterable[LineBatch], split_of_line: npt.NDArray[np.int8], store: MessageStore
) -> tuple[pa.Table, pa.Table]:
    """Return the lines with engaging acts as `_ACTS`, and those with ignored posts as `_IGNORED`."""
    engaged: list[pa.RecordBatch] = []
    ignored: list[pa.RecordBatch] = []
    for batch in batches:
        acts = np.array(batch.acts.to_pylist(), np.str_)
        targets, splits = find_target_messages(batch), split_of_line[batch.line_ids]
        is_usable = (splits >= 0) & (targets >= 0)
        # A post without text cannot be put into words.
        is_usable[is_usable] = store.has_text[targets[is_usable]]
        columns = [batch.line_ids, batch.authors, splits, batch.times, targets]
        engaged.append(_select(columns, is_usable & np.isin(acts, ENGAGING), _ACTS))
        chosen = is_usable & (acts == IGNORE)
        if chosen.any():
            plain = _select(columns, chosen, _ACTS)
            more = [
                store.users.take(plain["user_number"]),
                store.uris.take(plain["message"]).cast(pa.string()),
                pa.array(store.times[targets[chosen]]),
            ]
            ignored.append(pa.RecordBatch.from_arrays([*plain.columns, *more], schema=_IGNORED))
    return pa.Table.from_batches(engaged, _ACTS), pa.Table.from_batches(ignored, _IGNORED)


def _select(columns: Sequence[npt.NDArray[Any]], is_chosen: npt.NDArray[np.bool_], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array(column[is_chosen], field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
