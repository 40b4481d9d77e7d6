"""Account for every action of the window: written, or why not."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.targets import WITHOUT_TEXT

# The outcome of posts and replies that stand further up their thread than any line of their cluster goes.
CUT_OFF = "cut from a long thread"
NOT_KEPT = "user not kept"
NOT_CLUSTERED = "user in no cluster"

# What may become of an action beside `targets.OUTCOMES`.
OTHER_OUTCOMES = (CUT_OFF, NOT_KEPT, NOT_CLUSTERED)

ACCOUNT = f"""
    SELECT cluster_id, action, outcome, sum(actions)::BIGINT AS actions
    FROM (
        SELECT cluster_id, action, outcome::VARCHAR AS outcome, actions
        FROM (SELECT cluster_id, action, outcome, count(*) AS actions FROM resolved GROUP BY ALL)
        UNION ALL
        SELECT cluster_id, action, coalesce(missing.outcome, 'written'), 1
        FROM messages LEFT JOIN (
            SELECT message, '{WITHOUT_TEXT}' AS outcome FROM left_out
            UNION ALL
            SELECT message, '{CUT_OFF}' FROM cut_off
        ) AS missing ON missing.message = messages.id
        WHERE cluster_id IS NOT NULL AND action IN ('post', 'reply')
        UNION ALL
        SELECT cluster_id, 'ignore', 'written', 1 FROM ignored
        UNION ALL
        SELECT cluster_id, action, '{tables.SEEN_BEFORE}', 1 FROM repeated WHERE cluster_id IS NOT NULL
        UNION ALL
        SELECT NULL, a.action, CASE WHEN kept.user_id IS NULL THEN '{NOT_KEPT}' ELSE '{NOT_CLUSTERED}' END, 1
        FROM user_actions AS a
        ANTI JOIN members ON members.user_id = a.user_id
        LEFT JOIN (SELECT DISTINCT user_id FROM english_users) AS kept ON kept.user_id = a.user_id
    )
    GROUP BY ALL
    ORDER BY cluster_id NULLS LAST, action, outcome
"""  # noqa: S608 - the string is a constant of this project


def account_for_actions(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return `tables.ACTION_ACCOUNTING`, sorted by cluster, action and outcome.

    But for `ignore`, which is estimated, its sum is all of `user_actions`.

    A quote is a message and an act. Its outcome is that of the act, whose line shows it.

    Args:
        con: With the tables of `window.load_window`, `targets.resolve_targets`, `lines.find_paths` and
            `without_text.find_lines_without_text`, and `ignored`.
    """
    counted = con.sql(ACCOUNT).to_arrow_table()
    return counted.cast(tables.ACTION_ACCOUNTING)


def total_outcomes(accounting: pa.Table) -> dict[tuple[str, str], int]:
    """Return the number of actions by action and outcome over all clusters, as `tables.ACTIONS`, then "ignore"."""
    plain = accounting.set_column(1, "action", pc.cast(accounting["action"], pa.string()))
    totals = plain.group_by(["action", "outcome"]).aggregate([("actions", "sum")]).to_pylist()
    order = {action: place for place, action in enumerate((*tables.ACTIONS, "ignore"))}
    totals.sort(key=lambda row: (order[row["action"]], row["outcome"]))
    return {(row["action"], row["outcome"]): row["actions_sum"] for row in totals}
