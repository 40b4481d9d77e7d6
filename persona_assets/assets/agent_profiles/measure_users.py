"""Count what each user of the clusters did in the window, at which hours, and whom it followed and answered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.agent_profiles.stored_tables import RATES
from persona_assets.common.action_counts import HOURS
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.progress import phase

Counts = npt.NDArray[np.int64]
# The kinds of edges between users.
RELATIONS = ("follow", "reply")

# A record that is in the files of two days of the window counts once.
COUNT_ACTIONS = """
SELECT member, list_position([{actions}], action) - 1 AS column, event_time_us // 3600000000 % 24 AS hour,
    count(*) AS actions
FROM (
    SELECT member, action, uri, min(event_time_us) AS event_time_us
    FROM user_actions JOIN members USING (user_id) ANTI JOIN left_out_posts USING (uri)
    WHERE action IN ({actions}) GROUP BY ALL
)
GROUP BY ALL
"""
# Follows that were undone in the window are no edges.
FIND_EDGES = """
WITH undone AS (SELECT DISTINCT uri FROM user_actions WHERE action = 'unfollow' AND uri IS NOT NULL),
acts AS (
    SELECT 0 AS relation, user_id, target_user_id FROM user_actions ANTI JOIN undone USING (uri) WHERE action = 'follow'
    UNION ALL
    SELECT 1, user_id, target_user_id FROM user_actions ANTI JOIN left_out_posts USING (uri) WHERE action = 'reply'
)
SELECT DISTINCT relation, source.member AS source, target.member AS target
FROM acts
JOIN members AS source ON source.user_id = acts.user_id
JOIN members AS target ON target.user_id = acts.target_user_id
WHERE source.member <> target.member
ORDER BY ALL
"""


class UserMeasures(NamedTuple):
    """Numbers of actions of each user by kind and by hour, and the edges between users; row i is user i."""

    actions: Counts  # (users, actions of RATES)
    by_hour: Counts  # (users, 24)
    edges: dict[str, Counts]  # by relation: (edges, 2), rows of who acts and of whom it concerns; distinct and sorted


def measure_users(
    user_ids: pa.Array | pa.ChunkedArray,
    user_actions: pads.Dataset,
    *,
    left_out_posts: pa.StringArray,
    memory_limit: str,
    scratch: Path,
) -> UserMeasures:
    """Count the actions of each user in a window by kind and by hour, and collect the edges between users.

    Args:
        user_ids: string, distinct.
        user_actions: `tables.USER_ACTIONS` of the window, any order.
        left_out_posts: URIs of posts that do not count, as they were deleted.
        memory_limit: Memory of the joins and of the counts, such as "4GB"; beyond it the joins spill to `scratch`. The
            edges take 16 bytes each on top.
        scratch: An existing folder.

    Raises:
        MemoryLimitError: The counts of so many users, 240 bytes each, leave too little of the memory limit.
    """
    members = pa.table({"user_id": user_ids, "member": np.arange(len(user_ids))})
    actions, by_hour = np.zeros((len(user_ids), len(RATES)), np.int64), np.zeros((len(user_ids), HOURS), np.int64)
    beside = members.nbytes + actions.nbytes + by_hour.nbytes
    with (
        phase("counting actions by user"),
        open_duckdb(memory_limit=memory_limit, scratch=scratch, bytes_beside=beside) as connection,
    ):
        connection.register("members", members)
        connection.register("left_out_posts", pa.table({"uri": left_out_posts}))
        create_dataset_view(connection, "user_actions", user_actions)
        wanted = ", ".join(f"'{action}'" for action in RATES)
        for counted in connection.sql(COUNT_ACTIONS.format(actions=wanted)).to_arrow_reader():
            member, column, hour, count = (values.to_numpy() for values in counted.columns)
            np.add.at(actions, (member, column), count)
            np.add.at(by_hour, (member, hour), count)
        edges = _find_edges(connection, RELATIONS)
    return UserMeasures(actions, by_hour, edges)


def _find_edges(connection: duckdb.DuckDBPyConnection, relations: Sequence[str]) -> dict[str, Counts]:
    found = [np.empty((0, 3), np.int32)]
    found += [
        np.stack([column.to_numpy() for column in batch.columns], axis=1, dtype=np.int32, casting="unsafe")
        for batch in connection.sql(FIND_EDGES).to_arrow_reader()
    ]
    edges = np.concatenate(found)
    return {name: edges[edges[:, 0] == number, 1:].astype(np.int64) for number, name in enumerate(relations)}
