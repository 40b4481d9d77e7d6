"""Find what each action of a persona's user acted on, by joins that run out of core."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from persona_assets.common.database import find_duplicate_values
from persona_assets.tables import SEEN_BEFORE

# The outcome of actions whose lines have no text, where such lines are left out.
WITHOUT_TEXT = "line without text"

# What may become of an action that is no post and no reply.
OUTCOMES = (
    "written",
    "target outside the window",
    "target deleted",
    "target not English",
    "target without words",
    "target not a post",
    "unknown original",
    "no post before the act",
    "no line for this kind",
    WITHOUT_TEXT,
    SEEN_BEFORE,
)

OUTCOME_TYPE = f"CREATE TYPE outcome AS ENUM {OUTCOMES}"

DELETED = """
    CREATE TEMP TABLE deleted AS
    SELECT DISTINCT uri FROM user_actions WHERE action = 'post_delete'
"""

POINTING = """
    CREATE TEMP VIEW pointing AS
    SELECT
        members.member, members.cluster_id, CASE a.action WHEN 'like' THEN 'like'::act ELSE 'repost'::act END AS action,
        a.event_time_us, NULL::INTEGER AS message, a.uri, NULL AS text, a.target_uri AS points_at
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('like', 'repost')
    UNION ALL
    SELECT members.member, members.cluster_id, a.action::act, a.event_time_us, NULL, a.uri, a.text, a.uri
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('post_update', 'post_delete')
    UNION ALL
    SELECT member, cluster_id, action, event_time_us, id, uri, quote_text, quoted_uri
    FROM messages
    WHERE action = 'quote' AND member IS NOT NULL
"""
"""Actions on a record that they name; an update or a deletion names the user's own."""

TOWARD = """
    CREATE TEMP TABLE toward AS
    WITH acts AS (
        SELECT members.member, members.cluster_id, a.action, a.event_time_us, a.uri, a.target_user_id
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE a.action IN ('follow', 'unfollow', 'block', 'unblock')
    ),
    undone AS (
        SELECT uri, min({'at': event_time_us, 'account': target_user_id}) AS first
        FROM acts SEMI JOIN (FROM acts WHERE action IN ('unfollow', 'unblock')) AS undo USING (uri)
        WHERE action IN ('follow', 'block')
        GROUP BY uri
    )
    SELECT
        acts.* EXCLUDE (target_user_id),
        CASE WHEN action IN ('follow', 'block') THEN target_user_id ELSE undone.first.account END AS account,
        action IN ('follow', 'block') OR undone.uri IS NOT NULL AS is_original_known
    FROM acts LEFT JOIN undone USING (uri)
"""
"""Actions on an account. An undo has the URI of the record that it takes back."""

ACCOUNTS = """
    CREATE TEMP TABLE accounts AS
    SELECT row_number() OVER () AS number, account FROM (SELECT DISTINCT account FROM toward)
"""

AUTHORED = """
    CREATE TEMP VIEW authored AS
    SELECT number, event_time_us, id, uri
    FROM messages JOIN accounts ON accounts.account = messages.user_id
    WHERE is_english
"""
"""English posts of those accounts."""

POSTED = """
    CREATE TEMP TABLE posted AS
    SELECT number, event_time_us, min(id) AS id, count(*) AS posts FROM authored GROUP BY number, event_time_us
"""
"""One of them for each instant."""

LAST_OF_INSTANT = """
    UPDATE posted SET id = last.id
    FROM (
        SELECT number, event_time_us, arg_max(id, uri) AS id
        FROM authored SEMI JOIN (FROM posted WHERE posts > 1) AS crowded USING (number, event_time_us)
        GROUP BY number, event_time_us
    ) AS last
    WHERE posted.number = last.number AND posted.event_time_us = last.event_time_us
"""
"""Of several, the last by URI: to compare those of all posts would take half as long again."""

LATEST = """
    CREATE TEMP VIEW latest AS
    SELECT acts.*, posts.id AS target_id
    FROM (SELECT toward.*, number FROM toward LEFT JOIN accounts USING (account)) AS acts
    ASOF LEFT JOIN posted AS posts ON acts.number = posts.number AND acts.event_time_us >= posts.event_time_us
"""
"""The last English post of the account at or before the act: what it was followed or blocked for."""

RESOLVED = """
    CREATE TABLE resolved AS
    SELECT
        member, cluster_id, action, event_time_us, message, pointing.uri, hash(pointing.uri) AS uri_hash,
        CASE WHEN known.id IS NULL THEN points_at END AS other, text, known.id AS target_id,
        CASE
            WHEN known.id IS NOT NULL AND (is_english OR action IN ('post_update'::act, 'post_delete'::act))
                THEN 'written'::outcome
            WHEN known.id IS NOT NULL AND is_wordless THEN 'target without words'::outcome
            WHEN known.id IS NOT NULL THEN 'target not English'::outcome
            WHEN points_at IS NULL OR NOT contains(points_at, '/app.bsky.feed.post/') THEN 'target not a post'::outcome
            WHEN action <> 'post_delete'::act AND points_at IN (SELECT uri FROM deleted) THEN 'target deleted'::outcome
            ELSE 'target outside the window'::outcome
        END AS outcome
    FROM pointing
    LEFT JOIN (SELECT uri, id, is_english, is_wordless FROM messages) AS known ON known.uri = pointing.points_at
    UNION ALL
    SELECT
        member, cluster_id, action::act, event_time_us, NULL, uri, hash(uri), account, NULL, target_id,
        CASE
            WHEN target_id IS NOT NULL THEN 'written'::outcome
            WHEN NOT is_original_known THEN 'unknown original'::outcome
            ELSE 'no post before the act'::outcome
        END
    FROM latest
    UNION ALL
    SELECT
        members.member, members.cluster_id, a.action::act, a.event_time_us, NULL, a.uri, hash(a.uri),
        a.account_status, a.text, NULL,
        CASE WHEN a.action = 'profile_update' THEN 'written' ELSE 'no line for this kind' END::outcome
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('profile_update', 'account_status')
"""
"""Every action of a persona's user that is no post and no reply, with the message that it acted on and what
becomes of it. One's own posts may be updated and deleted in any language: threads show them in any language."""


UNDONE = """
    INSERT INTO resolved
    WITH undoing AS (
        SELECT
            members.member, members.cluster_id, a.action, a.event_time_us, a.uri, hash(a.uri) AS uri_hash,
            a.action[3:] AS undone_action
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE a.action IN ('unlike', 'unrepost')
    ),
    originals AS (
        SELECT
            done.member, done.action, done.uri,
            min({
                'at': done.event_time_us, 'other': done.other, 'target': target.uri, 'target_id': target_id,
                'outcome': outcome
            }) AS first
        FROM resolved AS done SEMI JOIN undoing USING (member, uri_hash)
        LEFT JOIN messages AS target ON target.id = target_id
        WHERE done.action IN ('like', 'repost')
        GROUP BY ALL
    )
    SELECT
        undoing.member, undoing.cluster_id, undoing.action, undoing.event_time_us, NULL, undoing.uri,
        undoing.uri_hash, first.other, NULL, first.target_id, coalesce(first.outcome, 'unknown original')
    FROM undoing LEFT JOIN originals
    ON originals.member = undoing.member AND originals.action = undone_action AND originals.uri = undoing.uri
"""
"""An undo acts on what its original acted on, and has its URI."""

REPEATED_ACTS = f"""
    UPDATE resolved SET outcome = '{SEEN_BEFORE}' WHERE rowid IN (
        SELECT rowid FROM resolved SEMI JOIN several USING (uri_hash)
        QUALIFY row_number() OVER (
            PARTITION BY
                member, action, uri, other, text, CASE WHEN other IS NULL THEN target_id END,
                CASE WHEN action IN ('post_update', 'profile_update', 'account_status') THEN event_time_us END
            ORDER BY event_time_us
        ) > 1
    )
"""  # noqa: S608 - the string is a constant of this project
"""An event that was delivered on both sides of midnight stands in the files of two days: the first counts. A record is
made and taken back once, whenever that was seen; it may be updated often. `several`, the hashes that come more than
once, keeps the window over all columns small."""


def resolve_targets(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table `resolved`, one row for each action but posts and replies of the personas' users.

    Its columns are `member`, `cluster_id`, `action`, `event_time_us`, `message` (`messages.id` of a quote), `uri`,
    `uri_hash`, `other` (what else tells two acts apart: a target that is not in `messages`, an account or its status),
    `text` (of the act), `target_id` (`messages.id`, or null) and `outcome`, one of `OUTCOMES`.

    Args:
        con: With the tables and views of `window.load_window`.
    """
    for statement in (OUTCOME_TYPE, DELETED, POINTING, TOWARD, ACCOUNTS, AUTHORED, POSTED, LAST_OF_INSTANT):
        con.execute(statement)
    for statement in (LATEST, RESOLVED, UNDONE):
        con.execute(statement)
    con.register("several", pa.table({"uri_hash": find_duplicate_values(con, "resolved", "uri_hash")}))
    con.execute(REPEATED_ACTS)
    con.unregister("several")
