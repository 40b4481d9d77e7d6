"""Deduplicate the texts of a day, so that each is embedded once, and record which post has which text."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import create_dataset_view, create_numbered_view, open_duckdb
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import phase
from persona_assets.consent.left_out import DELETED_POST, NOTHING_LEFT_OUT, LeftOut

BATCH_ROWS = 16_384

# The file of distinct texts, sorted. A text's `text_id` is its row number.
TEXTS = pa.schema([pa.field("text", pa.string())])
# The file of posts, sorted by `uri`.
POSTS = pa.schema([pa.field("uri", pa.string()), pa.field("user_id", pa.string()), pa.field("text_id", pa.int64())])

_KEEP_POSTS = """
create temp view kept_posts as
select uri, user_id, text from english_posts
anti join left_out_users using (user_id) anti join left_out_posts using (uri)
"""
_COUNT_LEFT_OUT = f"""
select coalesce(left_out_users.reason, '{DELETED_POST}') as reason, count(*)
from english_posts left join left_out_users using (user_id)
left join left_out_posts on left_out_posts.uri = english_posts.uri
where left_out_users.reason is not null or left_out_posts.uri is not null
group by all order by all
"""  # noqa: S608 - a constant of this project
_DISTINCT_TEXTS = "select distinct text from kept_posts order by text"
# The texts are read from their file: a table of 2.4 million texts would not fit a limit of 1 GB beside the join.
_POSTS_WITH_TEXT_ID = """
select uri, user_id, text_id from kept_posts join texts using (text) order by uri, text_id, user_id
"""


class DeduplicatedTexts(NamedTuple):
    """Two Parquet files: the distinct texts of a day, and its posts with the row number of their text."""

    texts: Path  # schema TEXTS, distinct and sorted; `text_id` is the row number
    posts: Path  # schema POSTS, sorted by uri
    n_texts: int
    n_posts: int
    left_out: dict[str, int]  # number of posts that are in neither file, by reason


def write_distinct_texts(
    english_posts: pads.Dataset, *, left_out: LeftOut = NOTHING_LEFT_OUT, scratch: Path, memory_limit: str
) -> DeduplicatedTexts:
    """Write the distinct texts of a day to one Parquet file, and its posts with the number of their text to another.

    The files do not depend on the order of the rows. The memory of the query is freed on return.

    Args:
        english_posts: `tables.ENGLISH_POSTS`, any order.
        left_out: Accounts and posts whose texts are not written. A text that another account wrote too is.
        scratch: An empty folder for the files, which the query also spills to, on a disk with room for the texts.
        memory_limit: Memory of the query, such as "4GB".
    """
    texts, posts = scratch / "texts.parquet", scratch / "posts.parquet"
    with phase("finding distinct texts"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as database:
        create_dataset_view(database, "english_posts", english_posts)
        database.register("left_out_users", left_out.users)
        database.register("left_out_posts", pa.table({"uri": left_out.posts}))
        database.execute(_KEEP_POSTS)
        counts = dict(database.sql(_COUNT_LEFT_OUT).fetchall())
        n_texts = write_parquet(texts, TEXTS, database.sql(_DISTINCT_TEXTS).to_arrow_reader(BATCH_ROWS))
        create_numbered_view(database, "texts", pads.dataset(texts), columns=["text"], number="text_id")
        n_posts = write_parquet(posts, POSTS, database.sql(_POSTS_WITH_TEXT_ID).to_arrow_reader(BATCH_ROWS))
    return DeduplicatedTexts(texts, posts, n_texts, n_posts, counts)
