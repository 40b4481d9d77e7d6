"""Choose the users who wrote enough English."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.database import open_duckdb

# Distinct by URI: an event delivered at midnight can stand in the files of two days.
COUNT_BY_USER = """
WITH wrote AS (
    SELECT user_id, count(DISTINCT uri) AS posts
    FROM user_actions WHERE action IN ('post', 'reply', 'quote') GROUP BY user_id
), english AS (
    SELECT user_id, count(DISTINCT uri) AS english_posts FROM english_posts GROUP BY user_id
)
SELECT user_id, posts, coalesce(english_posts, 0) AS english_posts, coalesce(english_posts, 0) / posts AS english_share
FROM wrote LEFT JOIN english USING (user_id)
ORDER BY user_id
"""


class Selection(NamedTuple):
    """The kept users, and those who were not, counted by reason."""

    users: pa.Table  # tables.ENGLISH_USERS, sorted by user_id
    dropped: dict[str, int]


def select_english_users(
    english_posts: pads.Dataset,
    user_actions: pads.Dataset,
    *,
    min_english_posts: int,
    memory_limit: str,
    scratch: Path,
) -> Selection:
    """Keep the users who wrote enough English to have a persona.

    Args:
        english_posts: `tables.ENGLISH_POSTS` of the window, any order.
        user_actions: `tables.USER_ACTIONS` of the window, any order: for the posts in any language.
        min_english_posts: Fewest English posts, replies and quotes of a kept user. At least 1.
        memory_limit: Memory for counting posts; the table of users comes on top of it.
        scratch: Folder to spill to beyond that.

    Returns:
        The kept users sorted by `user_id`, and the others by the number of English posts that they wrote;
        both together are all users who posted in the window.
    """
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        connection.register("english_posts", english_posts)
        connection.register("user_actions", user_actions)
        users = connection.sql(COUNT_BY_USER).to_arrow_table()
    enough = pc.greater_equal(users["english_posts"], min_english_posts)
    kept, others = users.filter(enough), users.filter(pc.invert(enough))
    return Selection(kept.cast(tables.ENGLISH_USERS), _count_lacking(others, min_english_posts))


def _count_lacking(others: pa.Table, least: int) -> dict[str, int]:
    counted = others.group_by("english_posts").aggregate([("user_id", "count")]).to_pylist()
    return {f"{row['english_posts']} of {least} English posts": row["user_id_count"] for row in counted}
