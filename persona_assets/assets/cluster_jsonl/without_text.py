"""Find lines in which no message has a text, and leave them out if asked to.

Such lines are conversations of posts that are only pictures, profile updates without a description, and updates and
deletions of posts without text. All other actions are about English posts, which have text. A text without a visible
character counts as no text.
"""

from __future__ import annotations

import duckdb

from persona_assets.assets.cluster_jsonl.relations import create_empty_table_sql
from persona_assets.assets.cluster_jsonl.targets import WITHOUT_TEXT

CONVERSATION = "conversation"

CREATE_HAS_NO_TEXT_MACRO = r"""
    CREATE MACRO has_no_text(string) AS
    string IS NULL OR NOT regexp_matches(
        string,
        '[^\s\p{Z}\p{Cc}\p{Cf}'
        || '\x{034F}\x{115F}\x{1160}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}'
        || ']'
    )
"""
"""Whether a string has no visible character. Invisible are spaces, control and format characters (such as the
zero-width space), and what Unicode classes as letters, symbols or marks although it shows nothing: Hangul fillers, the
Braille blank, variation selectors. The regular expression takes 0.08 s of CPU for a million texts; stripping
spaces takes 0.06 s."""

CREATE_CONVERSATIONS_WITHOUT_TEXT = """
    CREATE TEMP TABLE conversations_without_text AS
    SELECT leaf_id FROM thread_paths JOIN messages ON messages.id = thread_paths.message_id
    WHERE leaf_id IN (SELECT id FROM messages WHERE is_without_text)
    GROUP BY leaf_id HAVING bool_and(is_without_text)
"""

CREATE_ACTIONS_WITHOUT_TEXT = """
    CREATE TEMP TABLE actions_without_text AS
    SELECT action_row, actions.action
    FROM (
        SELECT rowid AS action_row, action, target_id FROM resolved_actions
        WHERE outcome = 'written' AND action IN ('profile_update', 'post_update', 'post_delete')
            AND has_no_text(text)
    ) AS actions
    LEFT JOIN messages ON messages.id = target_id
    WHERE coalesce(is_without_text, true)
"""

COUNT_LINES = f"""
    SELECT '{CONVERSATION}' AS line, count(*) FROM conversations_without_text
    UNION ALL
    SELECT action::VARCHAR, count(*) FROM actions_without_text GROUP BY action
"""  # noqa: S608 - the string is a constant of this project

LEAVE_OUT_LINES = f"""
    UPDATE resolved_actions SET outcome = '{WITHOUT_TEXT}'
    WHERE rowid IN (SELECT action_row FROM actions_without_text);
    INSERT INTO left_out_messages
    SELECT message_id FROM thread_paths SEMI JOIN conversations_without_text USING (leaf_id)
    JOIN (SELECT id, cluster_id FROM messages) AS own
    ON own.id = message_id AND own.cluster_id = thread_paths.cluster_id
    EXCEPT
    SELECT message_id FROM thread_paths ANTI JOIN conversations_without_text USING (leaf_id)
    JOIN (SELECT id, cluster_id FROM messages WHERE is_without_text) AS own
    ON own.id = message_id AND own.cluster_id = thread_paths.cluster_id;
    DELETE FROM thread_paths WHERE leaf_id IN (SELECT leaf_id FROM conversations_without_text)
"""  # noqa: S608 - the string is a constant of this project
"""A message is not left out if another line of its cluster shows it, such as a picture that was answered in words."""


def find_lines_without_text(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Find the JSON lines whose messages have no text; return their number by kind: "conversation" or an action.

    Creates `conversations_without_text` and `actions_without_text`, and the empty table `left_out_messages`. Nothing is
    left out yet.

    Args:
        con: After `targets.resolve_targets` and `write_lines.create_thread_paths`.
    """
    con.execute(CREATE_CONVERSATIONS_WITHOUT_TEXT)
    con.execute(CREATE_ACTIONS_WITHOUT_TEXT)
    con.execute(create_empty_table_sql("left_out_messages"))
    return {line: number for line, number in sorted(con.sql(COUNT_LINES).fetchall()) if number}


def leave_out_lines_without_text(con: duckdb.DuckDBPyConnection) -> None:
    """Remove the JSON lines without text, and record which messages are in no other line.

    Deletes conversations from `thread_paths`, sets the outcome of actions to `targets.WITHOUT_TEXT`, and fills
    `left_out_messages`.

    Args:
        con: After `find_lines_without_text`.
    """
    con.execute(LEAVE_OUT_LINES)
