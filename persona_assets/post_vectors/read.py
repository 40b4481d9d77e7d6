"""Read the vectors of the posts of some users, batch by batch, each post once."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.errors import VectorError

Ints = npt.NDArray[np.int64]

BATCH_ROWS = 8192
# How far the length of a vector may be from 1: float16 rounds lengths by less than 0.001.
LENGTH_TOLERANCE = 0.01


class PostVectors(NamedTuple):
    """The vectors of some posts."""

    rows: Ints  # (n_posts,) the number of each post's author
    vectors: npt.NDArray[np.float64]  # (n_posts, d), unit length
    uris: pa.Array  # string


class _FirstDeliveries:
    """Says which posts have not come before, of those that come more than once."""

    def __init__(self, repeated: pa.Array | None) -> None:
        self._repeated = pa.array([], pa.string()) if repeated is None else repeated
        self._seen: npt.NDArray[np.bool_] = np.zeros(len(self._repeated), bool)

    def mark(self, uris: pa.Array) -> npt.NDArray[np.bool_]:
        """Say which posts of a batch count, `(n_posts,)`."""
        if not len(self._repeated):
            return np.ones(len(uris), bool)
        number = pc.index_in(uris, value_set=self._repeated).fill_null(-1).to_numpy()
        counts = number < 0
        repeated, first = np.unique(number, return_index=True)
        fresh = (repeated >= 0) & ~self._seen[repeated]
        counts[first[fresh]] = True
        self._seen[repeated[fresh]] = True
        return counts


def read_post_vectors(
    embeddings: pads.Dataset,
    row_of_user: Mapping[str, int],
    *,
    repeated: pa.Array | None = None,
    note: Callable[[int], None] = lambda _: None,
) -> Iterator[PostVectors]:
    """Yield the posts of the users in `row_of_user`, a batch of the dataset at a time.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order; may hold posts of other users.
        row_of_user: The number by which a user is known to the caller.
        repeated: Uris of posts with more than one vector (`find_repeated_posts`), of which the first in the order of
            the files counts.
        note: Called with the number of posts of each batch once the caller is done with it.

    Raises:
        VectorError: Days differ in width, dtype or model, or a vector is not finite or not of unit length.
    """
    width = common_width(embeddings)
    first = _FirstDeliveries(repeated)
    # Few and small batches ahead: the default reads some 100 MB of vectors at a time and 16 of those.
    scanner = embeddings.scanner(batch_size=BATCH_ROWS, batch_readahead=4, fragment_readahead=1)
    for batch in scanner.to_batches():
        users = pc.dictionary_encode(batch["user_id"])
        row_of_code = np.array([row_of_user.get(user, -1) for user in users.dictionary.to_pylist()], np.int64)
        rows = row_of_code[users.indices.to_numpy()]
        vectors = _check(batch["vector"], width)
        rows[~first.mark(batch["uri"])] = -1
        kept = np.flatnonzero(rows >= 0)
        if len(kept):
            yield PostVectors(rows[kept], vectors[kept], batch["uri"].take(pa.array(kept)))
        note(batch.num_rows)


def common_width(embeddings: pads.Dataset) -> int:
    """Return the vectors' width, the same in every file.

    Raises:
        VectorError: Days were embedded by different models.
    """
    schemas = [fragment.physical_schema for fragment in embeddings.get_fragments()]
    kinds = {str(schema.field("vector").type) for schema in schemas}
    # Files of before models were noted say nothing.
    models = {model for schema in schemas if (model := tables.vector_model(schema)) is not None}
    for what, found in (("vectors", kinds), ("model", models)):
        if len(found) > 1:
            raise VectorError(
                f"embeddings of the window differ in their {what}: {'; '.join(sorted(found))}; materialize embeddings "
                "again for all days of the window with one PERSONA_MODEL"
            )
    return tables.vector_width(embeddings.schema)


def common_model(embeddings: pads.Dataset) -> str | None:
    """Return the model of the vectors, as `tables.vector_model` tells it of the first file that says."""
    models = (tables.vector_model(fragment.physical_schema) for fragment in embeddings.get_fragments())
    return next((model for model in models if model is not None), None)


def _check(column: pa.FixedSizeListArray, width: int) -> npt.NDArray[np.float64]:
    """Return a batch's vectors as float64 `(n_posts, d)`, or refuse them."""
    if column.null_count:
        raise VectorError(f"embeddings: {column.null_count} posts have no vector; materialize embeddings again")
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width).astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = int(np.count_nonzero(~(np.abs(lengths - 1) <= LENGTH_TOLERANCE)))
    if wrong:
        raise VectorError(
            f"embeddings: {wrong} of {len(vectors)} vectors of a batch are not finite or not of unit length; "
            "materialize embeddings again, and look at PERSONA_MODEL and PERSONA_DEVICE if it stays so"
        )
    return vectors
