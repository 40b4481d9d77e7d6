"""Count the actions of the window: by outcome, by hour of the day, and for the median user of each cluster."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.excluded import SELECT_EXCLUDED_ACTIONS
from persona_assets.assets.cluster_jsonl.targets import WITHOUT_TEXT
from persona_assets.consent.left_out import DELETED_POST

# The outcome of posts and replies further up their thread than any line of their cluster goes.
CUT_OFF = "cut from a long thread"
NOT_KEPT = "user not kept"
NOT_CLUSTERED = "user in no cluster"

# The possible outcomes of an action that `targets.OUTCOMES` lacks, beside those of `excluded.outcome_for_author`.
OTHER_OUTCOMES = (CUT_OFF, NOT_KEPT, NOT_CLUSTERED, DELETED_POST)

SELECT_ACCOUNTING = f"""
    SELECT cluster_id, action, outcome, sum(actions)::BIGINT AS actions
    FROM (
        SELECT cluster_id, action, outcome::VARCHAR AS outcome, actions
        FROM (SELECT cluster_id, action, outcome, count(*) AS actions FROM resolved_actions GROUP BY ALL)
        UNION ALL
        SELECT cluster_id, action, coalesce(missing.outcome, 'written'), 1
        FROM messages LEFT JOIN (
            SELECT message_id, '{WITHOUT_TEXT}' AS outcome FROM left_out_messages
            UNION ALL
            SELECT message_id, '{CUT_OFF}' FROM cut_off_messages
        ) AS missing ON missing.message_id = messages.id
        WHERE cluster_id IS NOT NULL AND action IN ('post', 'reply')
        UNION ALL
        SELECT cluster_id, 'ignore', 'written', 1 FROM ignored
        UNION ALL
        SELECT cluster_id, action, '{tables.SEEN_BEFORE}', 1 FROM duplicate_messages WHERE cluster_id IS NOT NULL
        UNION ALL
        {SELECT_EXCLUDED_ACTIONS}
        UNION ALL
        SELECT NULL, a.action, CASE WHEN kept.user_id IS NULL THEN '{NOT_KEPT}' ELSE '{NOT_CLUSTERED}' END, 1
        FROM user_actions AS a
        ANTI JOIN members ON members.user_id = a.user_id
        ANTI JOIN excluded_users ON excluded_users.user_id = a.user_id
        LEFT JOIN (SELECT DISTINCT user_id FROM english_users) AS kept ON kept.user_id = a.user_id
    )
    GROUP BY ALL
    ORDER BY cluster_id NULLS LAST, action, outcome
"""  # noqa: S608 - the string is a constant of this project

CREATE_COUNTED_ACTIONS = f"""
    CREATE TEMP VIEW counted_actions AS
    SELECT member, cluster_id, action, event_time_us FROM resolved_actions
    WHERE outcome <> '{tables.SEEN_BEFORE}' AND action <> 'account_status'
    UNION ALL
    SELECT member, cluster_id, action, event_time_us FROM messages
    WHERE member IS NOT NULL AND action IN ('post', 'reply')
"""  # noqa: S608 - the string is a constant of this project
"""Account status is excluded because it changes without the user doing anything."""

COUNT_BY_HOUR = """
    FROM (
        SELECT cluster_id, action, (event_time_us // 3600000000 % 24)::TINYINT AS hour, count(*)::BIGINT AS actions
        FROM counted_actions GROUP BY ALL
    )
    ORDER BY cluster_id, action::VARCHAR, hour
"""

SELECT_MEDIANS = """
    WITH by_action AS (SELECT member, cluster_id, action, count(*) AS actions FROM counted_actions GROUP BY ALL),
    with_total AS (
        FROM by_action UNION ALL SELECT member, cluster_id, 'total', sum(actions) FROM by_action GROUP BY ALL
    )
    SELECT members.cluster_id, names.action, median(coalesce(with_total.actions, 0))::DOUBLE AS median
    FROM members CROSS JOIN (SELECT DISTINCT action FROM with_total) AS names
    LEFT JOIN with_total ON with_total.member = members.member AND with_total.action = names.action
    GROUP BY ALL ORDER BY members.cluster_id, names.action
"""


def count_action_outcomes(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Count the actions of the window by cluster, action and outcome (written to a line, or why not).

    The sum over all rows but those of `ignore`, an estimate, is the number of rows of `user_actions`. A quote is both a
    message and an action; it counts once, with the outcome of the action.

    Args:
        con: After `write_lines.create_thread_paths`, `ignored.estimate_ignored` or `ignored.create_empty_ignored`, and
            `without_text`.

    Returns:
        `tables.ACTION_ACCOUNTING`, sorted by cluster (null last), action and outcome.
    """
    counted = con.sql(SELECT_ACCOUNTING).to_arrow_table()
    return counted.cast(tables.ACTION_ACCOUNTING)


def sum_outcomes_over_clusters(accounting: pa.Table) -> dict[tuple[str, str], int]:
    """Return the number of actions by (action, outcome), summed over clusters, in the order of `tables.ACTIONS`.

    Args:
        accounting: `tables.ACTION_ACCOUNTING`. Its estimated action "ignore" comes last.
    """
    plain = accounting.set_column(1, "action", pc.cast(accounting["action"], pa.string()))
    totals = plain.group_by(["action", "outcome"]).aggregate([("actions", "sum")]).to_pylist()
    order = {action: place for place, action in enumerate((*tables.ACTIONS, "ignore"))}
    totals.sort(key=lambda row: (order[row["action"]], row["outcome"]))
    return {(row["action"], row["outcome"]): row["actions_sum"] for row in totals}


def count_actions_by_hour(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Count the distinct actions of each cluster by action and hour of the day (UTC).

    Args:
        con: After `load.load_window` and `targets.resolve_targets`. Gets the view `counted_actions`.

    Returns:
        `tables.ACTIONS_BY_HOUR`, sorted by cluster, action and hour.
    """
    con.execute(CREATE_COUNTED_ACTIONS)
    return con.sql(COUNT_BY_HOUR).to_arrow_table().cast(tables.ACTIONS_BY_HOUR)


def median_actions_per_user(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return the median number of actions per user, by cluster and action; users without any count as 0.

    Args:
        con: After `count_actions_by_hour`.

    Returns:
        `tables.ACTIONS_PER_USER`, sorted by cluster and action; "total" is the median over all actions.
    """
    return con.sql(SELECT_MEDIANS).to_arrow_table().cast(tables.ACTIONS_PER_USER)
