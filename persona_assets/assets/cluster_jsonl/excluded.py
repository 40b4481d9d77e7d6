"""Load what no line may have: the accounts and posts that are left out of the window, and the outcomes that they give.

An account that is left out is nobody's target and in nobody's thread, and a post that is left out neither. Threads go
on below such a post, as below one that is outside the window.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from persona_assets.consent.left_out import DELETED_POST, LeftOut

TARGET_DELETED = "target deleted"

CREATE_EXCLUDED_USERS = "CREATE TABLE excluded_users AS FROM left_out_users"
CREATE_EXCLUDED_POSTS = "CREATE TABLE excluded_posts AS FROM left_out_posts"
"""Tables and not views, because the cursor that reads the messages sees nothing else of this connection."""

CREATE_EXCLUDED_MESSAGES = f"""
    CREATE TEMP TABLE excluded_messages AS
    SELECT uri, max(outcome) AS outcome
    FROM (
        SELECT a.uri, excluded_users.target_outcome AS outcome
        FROM user_actions AS a JOIN excluded_users ON excluded_users.user_id = a.user_id
        WHERE a.action IN ('post', 'reply', 'quote')
        UNION ALL
        SELECT uri, '{TARGET_DELETED}' FROM excluded_posts
    )
    GROUP BY uri
"""  # noqa: S608 - a constant of this file
"""Of a deleted post by an account that is left out, the outcome is that of the account: it comes last in the order of
text. Inner joins read nothing where nobody is left out."""

SELECT_EXCLUDED_ACTIONS = f"""
    SELECT clusters.cluster_id, a.action, excluded_users.author_outcome AS outcome, 1 AS actions
    FROM user_actions AS a JOIN excluded_users ON excluded_users.user_id = a.user_id
    LEFT JOIN clusters ON clusters.user_id = a.user_id
    UNION ALL
    SELECT members.cluster_id, a.action, '{DELETED_POST}', 1
    FROM user_actions AS a JOIN members ON members.user_id = a.user_id
    JOIN excluded_posts ON excluded_posts.uri = a.uri
    WHERE a.action IN ('post', 'reply', 'quote')
"""  # noqa: S608 - a constant of this file
"""The actions that `messages` and `resolved_actions` lack, with their outcome: all of an account that is left out, and
the deleted posts of members."""


def create_excluded_tables(con: duckdb.DuckDBPyConnection, left_out: LeftOut) -> None:
    """Create the DuckDB tables `excluded_users` and `excluded_posts` from the accounts and posts left out.

    Args:
        con: An empty database.
        left_out: What no line may have.
    """
    outcomes = [outcome_for_author(reason) for reason in left_out.users["reason"].to_pylist()]
    users = pa.table(
        {
            "user_id": left_out.users["user_id"],
            "author_outcome": pa.array(outcomes, pa.string()),
            "target_outcome": pa.array([outcome_for_target(outcome) for outcome in outcomes], pa.string()),
        }
    )
    con.register("left_out_users", users)
    con.register("left_out_posts", pa.table({"uri": left_out.posts}))
    con.execute(CREATE_EXCLUDED_USERS)
    con.execute(CREATE_EXCLUDED_POSTS)
    con.unregister("left_out_users")
    con.unregister("left_out_posts")


def list_target_outcomes(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the outcomes of actions on posts and accounts that are left out, sorted.

    Args:
        con: After `create_excluded_tables`.
    """
    found = con.sql("SELECT DISTINCT target_outcome FROM excluded_users ORDER BY target_outcome").fetchall()
    return tuple(outcome for (outcome,) in found)


def outcome_for_author(reason: str) -> str:
    """Return the outcome of actions whose author is left out for this reason: "author refuses training"."""
    return f"author's {reason}" if reason.startswith("account ") else f"author {reason}"


def outcome_for_target(author_outcome: str) -> str:
    """Return the outcome of actions on posts of an author left out: "target's author refuses training"."""
    return f"target's {author_outcome}"
