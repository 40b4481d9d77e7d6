"""Find the posts that are in the files of more than one day of a window, so that each is counted once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.progress import phase

# Groups by hash first, which takes a tenth of the memory, and then compares the URIs that share a hash in full.
REPEATED = """
WITH same_hash AS (SELECT hash(uri) AS key FROM posts GROUP BY key HAVING count(*) > 1)
SELECT uri FROM posts WHERE hash(uri) IN (FROM same_hash) GROUP BY uri HAVING count(*) > 1 ORDER BY uri
"""


def find_repeated_uris(posts: pads.Dataset, *, memory_limit: str, scratch: Path) -> pa.Array:
    """Return the URIs that are in more than one row of the window, whatever the text, as strings, sorted.

    A dataset of one file is not searched, because a URI is unique within a day.

    Args:
        posts: `embeddings`, `english_posts` or any table with a column `uri`, over the window, in any order. Other
            columns are not read.
        memory_limit: Memory of the search, such as "4GB". The result takes memory in addition.
        scratch: Folder that the search spills to beyond that limit.
    """
    if len(list(posts.get_fragments())) == 1:
        return pa.array([], pa.string())
    with phase("finding posts of several days"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        # Only the column `uri`, because DuckDB does not support the type float16 of the vectors.
        create_dataset_view(connection, "posts", posts.replace_schema(pa.schema([posts.schema.field("uri")])))
        found = connection.sql(REPEATED).to_arrow_table()["uri"]
    return found.combine_chunks()
