"""Select the users with a minimum number of English posts."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.progress import phase
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut, count_by_reason, leave_out_users

# Posts are counted by distinct URI: an event delivered at midnight may be in the files of two days.
COUNT_POSTS_BY_USER = """
WITH wrote AS (
    SELECT user_id, count(DISTINCT CASE WHEN left_out_posts.uri IS NULL THEN user_actions.uri END) AS posts
    FROM user_actions LEFT JOIN left_out_posts ON left_out_posts.uri = user_actions.uri
    WHERE action IN ('post', 'reply', 'quote') GROUP BY user_id
), english AS (
    SELECT user_id, count(DISTINCT uri) AS english_posts FROM english_posts ANTI JOIN left_out_posts USING (uri)
    GROUP BY user_id
)
SELECT user_id, posts, coalesce(english_posts, 0) AS english_posts, coalesce(english_posts, 0) / posts AS english_share
FROM wrote LEFT JOIN english USING (user_id)
ORDER BY user_id
"""


class SelectedUsers(NamedTuple):
    """Result of `select_english_users`: the users kept, and the number of users dropped by reason."""

    users: pa.Table  # tables.ENGLISH_USERS, sorted by user_id
    dropped: dict[str, int]  # number of users by reason, such as "1 of 2 English posts" or "refuses embedding"


def select_english_users(  # noqa: PLR0913 - the inputs, and each a choice of the caller's
    english_posts: pads.Dataset,
    user_actions: pads.Dataset,
    *,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    min_english_posts: int,
    memory_limit: str,
    scratch: Path,
) -> SelectedUsers:
    """Keep the users with at least `min_english_posts` English posts, replies and quotes in the window.

    Args:
        english_posts: `tables.ENGLISH_POSTS` of the window, any order.
        user_actions: `tables.USER_ACTIONS` of the window, any order: the posts in all languages.
        left_out: Users who are not kept, and posts that do not count.
        min_english_posts: Minimum number of English posts, replies and quotes of a kept user. At least 1.
        memory_limit: Memory limit of DuckDB, such as "4GB", for counting posts; the table of users needs more on top.
        scratch: Existing folder to which DuckDB spills beyond the limit.

    Returns:
        The kept users, sorted by `user_id`, and the number of other users by reason. Together these are all users who
        posted in the window.
    """
    with phase("counting posts by user"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        create_dataset_view(connection, "english_posts", english_posts)
        create_dataset_view(connection, "user_actions", user_actions)
        connection.register("left_out_posts", pa.table({"uri": left_out.posts}))
        users = connection.sql(COUNT_POSTS_BY_USER).to_arrow_table()
    dropped = count_by_reason(left_out, users["user_id"])
    users = leave_out_users(users, left_out)
    enough = pc.greater_equal(users["english_posts"], min_english_posts)
    kept, others = users.filter(enough), users.filter(pc.invert(enough))
    return SelectedUsers(kept.cast(tables.ENGLISH_USERS), _count_dropped(others, min_english_posts) | dropped)


def _count_dropped(others: pa.Table, min_english_posts: int) -> dict[str, int]:
    counted = others.group_by("english_posts").aggregate([("user_id", "count")]).to_pylist()
    return {f"{row['english_posts']} of {min_english_posts} English posts": row["user_id_count"] for row in counted}
