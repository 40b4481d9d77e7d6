"""Find the posts that were delivered on more than one day, so that each counts once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import open_duckdb

# By hashes first, which take a tenth of the memory; what has the same hash is then compared in full.
REPEATED = """
WITH same_hash AS (SELECT hash(uri) AS key FROM embeddings GROUP BY key HAVING count(*) > 1)
SELECT uri FROM embeddings WHERE hash(uri) IN (FROM same_hash) GROUP BY uri HAVING count(*) > 1 ORDER BY uri
"""


def find_repeated_posts(embeddings: pads.Dataset, *, memory_limit: str, scratch: Path) -> pa.Array:
    """Return the uris of which the window holds more than one vector, sorted; one day alone holds none.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order; vectors are not read.
        memory_limit: Memory of the search; the result comes on top of it.
        scratch: Folder to spill to beyond that.
    """
    if len(list(embeddings.get_fragments())) == 1:
        return pa.array([], pa.string())
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        # Without the vectors: DuckDB refuses even to look at a float16.
        connection.register("embeddings", embeddings.replace_schema(pa.schema([embeddings.schema.field("uri")])))
        found = connection.sql(REPEATED).to_arrow_table()["uri"]
    return pa.concat_arrays([pa.array([], pa.string()), *found.chunks])
