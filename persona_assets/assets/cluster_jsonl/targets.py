"""Find the target of each action by a member: the message, account or profile that it is about.

The joins spill to disk beyond the memory limit.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from persona_assets.assets.cluster_jsonl.excluded import list_target_outcomes
from persona_assets.common.database import find_duplicate_values
from persona_assets.tables import SEEN_BEFORE

# The outcome of actions whose lines have no text, if such lines are left out.
WITHOUT_TEXT = "line without text"

# The possible outcomes of an action other than a post or reply, beside those of `excluded.list_target_outcomes`.
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

CREATE_OUTCOME_TYPE = "CREATE TYPE outcome_type AS ENUM ({outcomes})"

CREATE_DELETED_POSTS = """
    CREATE TEMP TABLE deleted_posts AS
    SELECT DISTINCT uri FROM user_actions WHERE action = 'post_delete'
"""

CREATE_RECORD_ACTIONS = """
    CREATE TEMP VIEW record_actions AS
    SELECT
        members.member, members.cluster_id,
        CASE a.action WHEN 'like' THEN 'like'::action_type ELSE 'repost'::action_type END AS action,
        a.event_time_us, NULL::INTEGER AS quote_id, a.uri, NULL AS text, a.target_uri
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('like', 'repost')
    UNION ALL
    SELECT members.member, members.cluster_id, a.action::action_type, a.event_time_us, NULL, a.uri, a.text, a.uri
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('post_update', 'post_delete')
    UNION ALL
    SELECT member, cluster_id, action, event_time_us, id, uri, quote_text, quoted_uri
    FROM messages
    WHERE action = 'quote' AND member IS NOT NULL
"""
"""The target of an update or deletion is the user's own record, whose URI the event has."""

CREATE_ACCOUNT_ACTIONS = """
    CREATE TEMP TABLE account_actions AS
    WITH events AS (
        SELECT members.member, members.cluster_id, a.action, a.event_time_us, a.uri, a.target_user_id
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE a.action IN ('follow', 'unfollow', 'block', 'unblock')
    ),
    originals AS (
        SELECT uri, min({'event_time_us': event_time_us, 'account': target_user_id}) AS first
        FROM events SEMI JOIN (FROM events WHERE action IN ('unfollow', 'unblock')) AS undo USING (uri)
        WHERE action IN ('follow', 'block')
        GROUP BY uri
    )
    SELECT
        events.* EXCLUDE (target_user_id),
        CASE WHEN action IN ('follow', 'block') THEN target_user_id ELSE originals.first.account END AS account,
        action IN ('follow', 'block') OR originals.uri IS NOT NULL AS is_original_known
    FROM events LEFT JOIN originals USING (uri)
"""
"""An unfollow or unblock names no account. It has the URI of the follow or block that it undoes, and so its account."""

CREATE_TARGET_ACCOUNTS = """
    CREATE TEMP TABLE target_accounts AS
    SELECT row_number() OVER () AS account_number, account FROM (SELECT DISTINCT account FROM account_actions)
"""

CREATE_ACCOUNT_POSTS = """
    CREATE TEMP VIEW account_posts AS
    SELECT account_number, event_time_us, id, uri
    FROM messages JOIN target_accounts ON target_accounts.account = messages.user_id
    WHERE is_english
"""

CREATE_ACCOUNT_POST_TIMES = """
    CREATE TEMP TABLE account_post_times AS
    SELECT account_number, event_time_us, min(id) AS id, count(*) AS posts
    FROM account_posts GROUP BY account_number, event_time_us
"""

BREAK_TIES_BY_URI = """
    UPDATE account_post_times SET id = last.id
    FROM (
        SELECT account_number, event_time_us, arg_max(id, uri) AS id
        FROM account_posts
        SEMI JOIN (FROM account_post_times WHERE posts > 1) AS ties USING (account_number, event_time_us)
        GROUP BY account_number, event_time_us
    ) AS last
    WHERE account_post_times.account_number = last.account_number
        AND account_post_times.event_time_us = last.event_time_us
"""
"""Of several posts of one account and time, the one with the greatest URI is taken. A second statement compares URIs of
these ties only, because comparing them for all posts would take half as long again."""

CREATE_ACCOUNT_ACTIONS_WITH_POST = """
    CREATE TEMP VIEW account_actions_with_post AS
    SELECT actions.*, posts.id AS target_id
    FROM (
        SELECT account_actions.*, account_number FROM account_actions LEFT JOIN target_accounts USING (account)
    ) AS actions
    ASOF LEFT JOIN account_post_times AS posts
    ON actions.account_number = posts.account_number AND actions.event_time_us >= posts.event_time_us
"""
"""The line of a follow or block shows the account's last English post at that time, as the likely reason for it."""

CREATE_RESOLVED_ACTIONS = """
    CREATE TABLE resolved_actions AS
    SELECT
        member, cluster_id, action, event_time_us, quote_id, record_actions.uri, hash(record_actions.uri) AS uri_hash,
        CASE WHEN target.id IS NULL THEN target_uri END AS other_target, text, target.id AS target_id,
        CASE
            WHEN target.id IS NOT NULL
                AND (is_english OR action IN ('post_update'::action_type, 'post_delete'::action_type))
                THEN 'written'::outcome_type
            WHEN target.id IS NOT NULL AND is_without_text THEN 'target without words'::outcome_type
            WHEN target.id IS NOT NULL THEN 'target not English'::outcome_type
            WHEN excluded_messages.outcome IS NOT NULL THEN excluded_messages.outcome::outcome_type
            WHEN target_uri IS NULL OR NOT contains(target_uri, '/app.bsky.feed.post/')
                THEN 'target not a post'::outcome_type
            WHEN action <> 'post_delete'::action_type AND target_uri IN (SELECT uri FROM deleted_posts)
                THEN 'target deleted'::outcome_type
            ELSE 'target outside the window'::outcome_type
        END AS outcome
    FROM record_actions
    LEFT JOIN (SELECT uri, id, is_english, is_without_text FROM messages) AS target
    ON target.uri = record_actions.target_uri
    LEFT JOIN excluded_messages ON excluded_messages.uri = record_actions.target_uri
    UNION ALL
    SELECT
        member, cluster_id, action::action_type, event_time_us, NULL, uri, hash(uri), account, NULL, target_id,
        CASE
            WHEN target_id IS NOT NULL THEN 'written'::outcome_type
            WHEN excluded_users.target_outcome IS NOT NULL THEN excluded_users.target_outcome::outcome_type
            WHEN NOT is_original_known THEN 'unknown original'::outcome_type
            ELSE 'no post before the act'::outcome_type
        END
    FROM account_actions_with_post LEFT JOIN excluded_users ON excluded_users.user_id = account
    UNION ALL
    SELECT
        members.member, members.cluster_id, a.action::action_type, a.event_time_us, NULL, a.uri, hash(a.uri),
        a.account_status, a.text, NULL,
        CASE WHEN a.action = 'profile_update' THEN 'written' ELSE 'no line for this kind' END::outcome_type
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    WHERE a.action IN ('profile_update', 'account_status')
"""
"""A user's own posts may be updated or deleted in any language, as conversations show them in any language."""

INSERT_UNDO_ACTIONS = """
    INSERT INTO resolved_actions
    WITH undo AS (
        SELECT
            members.member, members.cluster_id, a.action, a.event_time_us, a.uri, hash(a.uri) AS uri_hash,
            a.action[3:] AS undone_action
        FROM user_actions AS a JOIN members ON members.user_id = a.user_id
        WHERE a.action IN ('unlike', 'unrepost')
    ),
    originals AS (
        SELECT
            original.member, original.action, original.uri,
            min({
                'event_time_us': original.event_time_us, 'other_target': original.other_target,
                'target_uri': target.uri, 'target_id': target_id, 'outcome': outcome
            }) AS first
        FROM resolved_actions AS original SEMI JOIN undo USING (member, uri_hash)
        LEFT JOIN messages AS target ON target.id = target_id
        WHERE original.action IN ('like', 'repost')
        GROUP BY ALL
    )
    SELECT
        undo.member, undo.cluster_id, undo.action, undo.event_time_us, NULL, undo.uri,
        undo.uri_hash, first.other_target, NULL, first.target_id, coalesce(first.outcome, 'unknown original')
    FROM undo LEFT JOIN originals
    ON originals.member = undo.member AND originals.action = undone_action AND originals.uri = undo.uri
"""
"""An unlike or unrepost has the URI of the like or repost that it undoes, and so its target."""

MARK_DUPLICATE_ACTIONS = f"""
    UPDATE resolved_actions SET outcome = '{SEEN_BEFORE}' WHERE rowid IN (
        SELECT rowid FROM resolved_actions SEMI JOIN repeated_action_hashes USING (uri_hash)
        QUALIFY row_number() OVER (
            PARTITION BY
                member, action, uri, other_target, text, CASE WHEN other_target IS NULL THEN target_id END,
                CASE WHEN action IN ('post_update', 'profile_update', 'account_status') THEN event_time_us END
            ORDER BY event_time_us
        ) > 1
    )
"""  # noqa: S608 - the string is a constant of this project
"""An event that was delivered on both sides of midnight is in the files of two days. The first one counts.

A record is created and deleted once, so times are not compared. It may be updated often, so times of updates are.
`repeated_action_hashes` keeps the window function over all columns small."""


def resolve_targets(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table `resolved_actions`: actions of clusters' users except posts and replies, with target, outcome.

    `other_target` is what distinguishes actions on targets that are not in `messages`: the URI of a record, the id of
    an account, or the status of the user's own account.

    Args:
        con: After `load.load_window`.
    """
    quoted = ["'" + outcome.replace("'", "''") + "'" for outcome in (*OUTCOMES, *list_target_outcomes(con))]
    for statement in (
        CREATE_OUTCOME_TYPE.format(outcomes=", ".join(quoted)),
        CREATE_DELETED_POSTS,
        CREATE_RECORD_ACTIONS,
        CREATE_ACCOUNT_ACTIONS,
        CREATE_TARGET_ACCOUNTS,
        CREATE_ACCOUNT_POSTS,
        CREATE_ACCOUNT_POST_TIMES,
        BREAK_TIES_BY_URI,
        CREATE_ACCOUNT_ACTIONS_WITH_POST,
        CREATE_RESOLVED_ACTIONS,
        INSERT_UNDO_ACTIONS,
    ):
        con.execute(statement)
    hashes = find_duplicate_values(con, "resolved_actions", "uri_hash")
    con.register("repeated_action_hashes", pa.table({"uri_hash": hashes}))
    con.execute(MARK_DUPLICATE_ACTIONS)
    con.unregister("repeated_action_hashes")
