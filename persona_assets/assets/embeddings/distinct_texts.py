"""Split a day of posts into its distinct texts and the posts that refer to them."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import open_duckdb
from persona_assets.common.parquet_files import write_parquet

BATCH_ROWS = 16_384

TEXTS = pa.schema([pa.field("text", pa.string())])
POSTS = pa.schema([pa.field("uri", pa.string()), pa.field("user_id", pa.string()), pa.field("text_id", pa.int64())])

_NUMBER_TEXTS = """
create temp table texts as
select text, row_number() over (order by text) - 1 as text_id from (select distinct text from english_posts)
"""
_REFER = """
select uri, user_id, text_id from english_posts join texts using (text) order by uri, text_id, user_id
"""


class Split(NamedTuple):
    """The two files that a day is split into."""

    texts: Path  # TEXTS: distinct, sorted; a text's number is its row
    posts: Path  # POSTS: sorted by uri
    n_texts: int
    n_posts: int


def split_texts(english_posts: pads.Dataset, *, scratch: Path, memory_limit: str) -> Split:
    """Write the distinct texts, sorted, and the posts with the number of their text, sorted by uri.

    The files depend on the rows, not on their order. Memory: `memory_limit`, beyond which it spills to
    `scratch`, and is given back on return.

    Args:
        english_posts: `tables.ENGLISH_POSTS`, any order.
        scratch: An empty folder, on a disk with room for the texts.
        memory_limit: Such as "4GB".
    """
    texts, posts = scratch / "texts.parquet", scratch / "posts.parquet"
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as database:
        database.register("english_posts", english_posts)
        database.execute(_NUMBER_TEXTS)
        in_order = database.sql("select text from texts order by text_id").to_arrow_reader(BATCH_ROWS)
        n_texts = write_parquet(texts, TEXTS, in_order)
        n_posts = write_parquet(posts, POSTS, database.sql(_REFER).to_arrow_reader(BATCH_ROWS))
    return Split(texts, posts, n_texts, n_posts)
