"""Find lines in which no message has a text, and leave them out where that is asked for.

Such are conversations of posts that are a picture alone, profile updates without a description, and updates and
deletions of posts without words. All other actions are on English posts, which have a text. A text in which nothing is
visible is none.
"""

from __future__ import annotations

import duckdb

from persona_assets.assets.cluster_jsonl.targets import WITHOUT_TEXT

CONVERSATION = "conversation"

HAS_NO_WORDS = r"""
    CREATE MACRO has_no_words(said) AS
    said IS NULL OR NOT regexp_matches(
        said,
        '[^\s\p{Z}\p{Cc}\p{Cf}'
        || '\x{034F}\x{115F}\x{1160}\x{2800}\x{3164}\x{FE00}-\x{FE0F}\x{FFA0}'
        || ']'
    )
"""
"""Whether no character of a text is visible: spaces, controls and formats (such as the zero-width space) are not, nor
what Unicode has for letters, signs or marks though it shows nothing (fillers of Hangul, the blank of Braille, selectors
of variants). To look for a visible one takes 0.08 s of CPU a million texts; to strip spaces took 0.06 s."""

CONVERSATIONS = """
    CREATE TEMP TABLE wordless_leaves AS
    SELECT leaf FROM paths JOIN messages ON messages.id = paths.message
    WHERE leaf IN (SELECT id FROM messages WHERE is_wordless)
    GROUP BY leaf HAVING bool_and(is_wordless)
"""

ACTS = """
    CREATE TEMP TABLE wordless_acts AS
    SELECT act, acts.action
    FROM (
        SELECT rowid AS act, action, target_id FROM resolved
        WHERE outcome = 'written' AND action IN ('profile_update', 'post_update', 'post_delete')
            AND has_no_words(text)
    ) AS acts
    LEFT JOIN messages ON messages.id = target_id
    WHERE coalesce(is_wordless, true)
"""

COUNT = f"""
    SELECT '{CONVERSATION}' AS line, count(*) FROM wordless_leaves
    UNION ALL
    SELECT action::VARCHAR, count(*) FROM wordless_acts GROUP BY action
"""  # noqa: S608 - the string is a constant of this project

LEFT_OUT = "CREATE TEMP TABLE left_out (message INTEGER)"

LEAVE_OUT = f"""
    UPDATE resolved SET outcome = '{WITHOUT_TEXT}' WHERE rowid IN (SELECT act FROM wordless_acts);
    INSERT INTO left_out
    SELECT message FROM paths SEMI JOIN wordless_leaves USING (leaf)
    JOIN (SELECT id, cluster_id FROM messages) AS own ON own.id = message AND own.cluster_id = paths.cluster_id
    EXCEPT
    SELECT message FROM paths ANTI JOIN wordless_leaves USING (leaf)
    JOIN (SELECT id, cluster_id FROM messages WHERE is_wordless) AS own
    ON own.id = message AND own.cluster_id = paths.cluster_id;
    DELETE FROM paths WHERE leaf IN (SELECT leaf FROM wordless_leaves)
"""  # noqa: S608 - the string is a constant of this project
"""A message is left out if no line of its cluster that is written shows it: one that was answered with words stays."""


def find_lines_without_text(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of lines without text, by "conversation" or action, and note which they are.

    Args:
        con: With the tables of `window.load_window` and `targets.resolve_targets`, and `paths`. Gets `left_out`, empty:
            the messages in no line that is written, by `messages.id`.
    """
    for statement in (CONVERSATIONS, ACTS, LEFT_OUT):
        con.execute(statement)
    return {line: number for line, number in sorted(con.sql(COUNT).fetchall()) if number}


def leave_out_lines_without_text(con: duckdb.DuckDBPyConnection) -> None:
    """Take what was found out of `paths` and `resolved`, and note in `left_out` which messages are then in no line."""
    con.execute(LEAVE_OUT)
