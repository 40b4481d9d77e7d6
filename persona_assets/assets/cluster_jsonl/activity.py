"""Count when the users of each cluster act, and how much a user does."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from persona_assets import tables

ACTED = f"""
    CREATE TEMP VIEW acted AS
    SELECT member, cluster_id, action, event_time_us FROM resolved
    WHERE outcome <> '{tables.SEEN_BEFORE}' AND action <> 'account_status'
    UNION ALL
    SELECT member, cluster_id, action, event_time_us FROM messages
    WHERE member IS NOT NULL AND action IN ('post', 'reply')
"""  # noqa: S608 - the string is a constant of this project
"""What users of clusters did, each action once. An account's status changes without its user."""

BY_HOUR = """
    FROM (
        SELECT cluster_id, action, (event_time_us // 3600000000 % 24)::TINYINT AS hour, count(*)::BIGINT AS actions
        FROM acted GROUP BY ALL
    )
    ORDER BY cluster_id, action::VARCHAR, hour
"""

PER_USER = """
    WITH done AS (SELECT member, cluster_id, action, count(*) AS actions FROM acted GROUP BY ALL),
    all_done AS (
        FROM done UNION ALL SELECT member, cluster_id, 'total', sum(actions) FROM done GROUP BY ALL
    )
    SELECT members.cluster_id, kinds.action, median(coalesce(all_done.actions, 0))::DOUBLE AS median
    FROM members CROSS JOIN (SELECT DISTINCT action FROM all_done) AS kinds
    LEFT JOIN all_done ON all_done.member = members.member AND all_done.action = kinds.action
    GROUP BY ALL ORDER BY members.cluster_id, kinds.action
"""


def count_by_hour(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return `tables.ACTIONS_BY_HOUR`, sorted by cluster, action and hour.

    Args:
        con: With the tables of `window.load_window` and `targets.resolve_targets`.
    """
    con.execute(ACTED)
    return con.sql(BY_HOUR).to_arrow_table().cast(tables.ACTIONS_BY_HOUR)


def median_actions_per_user(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return `tables.ACTIONS_PER_USER`, sorted by cluster and action.

    Args:
        con: After `count_by_hour`.
    """
    return con.sql(PER_USER).to_arrow_table().cast(tables.ACTIONS_PER_USER)
