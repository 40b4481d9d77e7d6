"""Choose the users who wrote enough English."""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables


class Selection(NamedTuple):
    """The kept users, and those who were not, counted by reason."""

    users: pa.Table  # tables.ENGLISH_USERS, sorted by user_id
    dropped: dict[str, int]


def select_english_users(
    english_posts: pads.Dataset, user_actions: pads.Dataset, *, min_english_posts: int
) -> Selection:
    """Keep the users who wrote enough English to have a persona.

    Memory grows with the number of users who wrote anything in the window, not with their posts.

    Args:
        english_posts: `tables.ENGLISH_POSTS` of the window, any order.
        user_actions: `tables.USER_ACTIONS` of the window, any order: for the posts in any language.
        min_english_posts: Fewest English posts, replies and quotes of a kept user. At least 1.

    Returns:
        The kept users sorted by `user_id`, and the others by the number of English posts that they wrote;
        both together are all users who posted in the window.
    """
    english = _count_by_user(english_posts.scanner(columns=["user_id"]), "english_posts")
    wrote = pc.is_in(pc.field("action"), value_set=pa.array(tables.MESSAGES))
    posts = _count_by_user(user_actions.scanner(columns=["user_id"], filter=wrote), "posts")
    users = posts.join(english, "user_id", join_type="left outer")
    users = users.set_column(
        users.schema.get_field_index("english_posts"),
        "english_posts",
        pc.fill_null(users["english_posts"], 0),
    )
    enough = pc.greater_equal(users["english_posts"], min_english_posts)
    kept, others = users.filter(enough).sort_by("user_id"), users.filter(pc.invert(enough))
    share = pc.divide(pc.cast(kept["english_posts"], pa.float64()), pc.cast(kept["posts"], pa.float64()))
    columns = [kept["user_id"], kept["posts"], kept["english_posts"], share]
    return Selection(pa.table(columns, schema=tables.ENGLISH_USERS), _count_lacking(others, min_english_posts))


def _count_by_user(scanner: pads.Scanner, name: str) -> pa.Table:
    """Count rows by user, batch by batch."""
    counts = pa.table({"user_id": pa.array([], pa.string()), name: pa.array([], pa.int64())})
    for batch in scanner.to_batches():
        ones = pa.table([batch["user_id"], pa.repeat(1, batch.num_rows)], names=["user_id", name])
        grouped = pa.concat_tables([counts, ones]).group_by("user_id").aggregate([(name, "sum")])
        counts = pa.table([grouped["user_id"], pc.cast(grouped[f"{name}_sum"], pa.int64())], names=counts.schema.names)
    return counts


def _count_lacking(others: pa.Table, least: int) -> dict[str, int]:
    counted = others.group_by("english_posts").aggregate([("user_id", "count")]).to_pylist()
    return {f"{row['english_posts']} of {least} English posts": row["user_id_count"] for row in counted}
