"""Small inputs for the tests of `clusters`."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables


def embeddings_of(posts, dtype=None):
    """`embeddings` of (user_id, vector) pairs, with the vectors scaled to unit length."""
    posts = [(user, np.asarray(vector, np.float64)) for user, vector in posts]
    width = len(posts[0][1])
    schema = tables.embeddings_schema(width, dtype or pa.float32())
    flat = np.concatenate([vector / np.linalg.norm(vector) for _, vector in posts])
    kind = schema.field("vector").type
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat.astype(kind.value_type.to_pandas_dtype())), type=kind)
    uris = [f"at://{user}/app.bsky.feed.post/{number}" for number, (user, _) in enumerate(posts)]
    return pa.table([uris, [user for user, _ in posts], vectors], schema=schema)


def users_of(user_ids):
    """`english_users` with these ids and arbitrary counts."""
    n = len(user_ids)
    return pa.table([user_ids, [2] * n, [2] * n, [1.0] * n], schema=tables.ENGLISH_USERS)


def dataset(table, *, batch_rows=None):
    """A pyarrow dataset in memory, in batches of `batch_rows`."""
    return pads.dataset(table.to_batches(max_chunksize=batch_rows), schema=table.schema)


def unit(matrix):
    """The rows scaled to unit length, float32."""
    matrix = np.asarray(matrix, np.float64)
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


def planted(sizes, *, width=16, noise=0.15, seed=3):
    """Unit vectors in groups of these sizes around random centres, shuffled, and the group of each vector."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(len(sizes), width)))
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return unit(centres[groups] + noise * rng.normal(size=(len(groups), width))), groups
