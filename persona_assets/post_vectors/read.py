"""Read the post vectors of given users from `embeddings`, batch by batch, each post once."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.bounded_scan import scan_bounded
from persona_assets.common.progress import phase
from persona_assets.consent.left_out import is_in_sorted
from persona_assets.errors import VectorError

Int64Array = npt.NDArray[np.int64]

BATCH_ROWS = 8192
# Maximum difference between the norm of a vector and 1. Rounding to float16 changes a norm by less than 0.001.
NORM_TOLERANCE = 0.01


class PostVectors(NamedTuple):
    """A batch of post vectors (unit length), with the row of the author and the URI of each post."""

    rows: Int64Array  # (n_posts,), the caller's number of each post's author
    vectors: npt.NDArray[np.float32]  # (n_posts, d), unit length
    uris: pa.Array  # string


class _RepeatedPosts:
    """The posts that are in the files of several days, and which of them have been read."""

    def __init__(self, repeated: pa.Array | None) -> None:
        """Start with no post read; `repeated` are the URIs in the files of several days."""
        self._repeated = pa.array([], pa.string()) if repeated is None else repeated
        self._is_read: npt.NDArray[np.bool_] = np.zeros(len(self._repeated), bool)

    def find_first(self, uris: pa.Array) -> npt.NDArray[np.bool_]:
        """Return which posts of a batch are read for the first time, `(n_posts,)`, and record them as read."""
        if not len(self._repeated):
            return np.ones(len(uris), bool)
        number = pc.index_in(uris, value_set=self._repeated).fill_null(-1).to_numpy()
        is_first = number < 0
        distinct, position = np.unique(number, return_index=True)
        is_new = (distinct >= 0) & ~self._is_read[distinct]
        is_first[position[is_new]] = True
        self._is_read[distinct[is_new]] = True
        return is_first


def read_post_vectors(
    embeddings: pads.Dataset,
    row_of_user: Mapping[str, int],
    *,
    repeated_uris: pa.Array | None = None,
    left_out: pa.StringArray | None = None,
) -> Iterator[PostVectors]:
    """Yield the unit vectors of the posts of the users in `row_of_user`, in batches; each URI once.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order. Posts of other users are left out.
        row_of_user: The caller's number of each user, which `PostVectors.rows` repeats.
        repeated_uris: URIs of posts with more than one vector (`find_repeated_uris`), of which only the first in the
            order of the files is yielded.
        left_out: URIs of posts that are not yielded, sorted (`consent.left_out`).

    Raises:
        VectorError: Days differ in width, dtype or model, or a vector is not finite or not of unit length.
    """
    width = read_common_width(embeddings)
    repeated_posts = _RepeatedPosts(repeated_uris)
    with phase("reading vectors", what="posts", total=embeddings.count_rows()) as posts:
        for batch in scan_bounded(embeddings, batch_rows=BATCH_ROWS).to_batches():
            users = pc.dictionary_encode(batch["user_id"])
            row_of_code = np.array([row_of_user.get(user, -1) for user in users.dictionary.to_pylist()], np.int64)
            rows = row_of_code[users.indices.to_numpy()]
            vectors = _validate(batch["vector"], width)
            rows[~repeated_posts.find_first(batch["uri"])] = -1
            if left_out is not None and len(left_out):
                rows[is_in_sorted(batch["uri"], left_out).to_numpy(zero_copy_only=False)] = -1
            kept = np.flatnonzero(rows >= 0)
            if len(kept):
                yield PostVectors(rows[kept], vectors[kept], batch["uri"].take(pa.array(kept)))
            posts.add(batch.num_rows)


def read_common_width(embeddings: pads.Dataset) -> int:
    """Return the number of dimensions of all vectors; raise an error unless all days are of one model and width.

    Raises:
        VectorError: Days differ in the width or dtype of their vectors, or in their model.
    """
    schemas = [fragment.physical_schema for fragment in embeddings.get_fragments()]
    vector_types = {str(schema.field("vector").type) for schema in schemas}
    # Files of early versions do not name their model.
    models = {model for schema in schemas if (model := tables.read_vector_model(schema)) is not None}
    for what, found in (("vectors", vector_types), ("model", models)):
        if len(found) > 1:
            raise VectorError(
                f"embeddings of the window differ in their {what}: {'; '.join(sorted(found))}; materialize embeddings "
                "again for all days of the window with one PERSONA_MODEL"
            )
    return tables.read_vector_width(embeddings.schema)


def find_model_name(embeddings: pads.Dataset) -> str | None:
    """Return the model name from the first file whose metadata has one, without comparing files; None if none has."""
    models = (tables.read_vector_model(fragment.physical_schema) for fragment in embeddings.get_fragments())
    return next((model for model in models if model is not None), None)


def _validate(column: pa.FixedSizeListArray, width: int) -> npt.NDArray[np.float32]:
    """Return the vectors of a batch as float32 `(n_posts, d)`, unit length.

    Raises:
        VectorError: A vector is missing, not finite or not of unit length.
    """
    if column.null_count:
        raise VectorError(f"embeddings: {column.null_count} posts have no vector; materialize embeddings again")
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), width).astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = int(np.count_nonzero(~(np.abs(norms - 1) <= NORM_TOLERANCE)))
    if wrong:
        raise VectorError(
            f"embeddings: {wrong} of {len(vectors)} vectors of a batch are not finite or not of unit length; "
            "materialize embeddings again, and check PERSONA_MODEL and PERSONA_DEVICE if the error comes again"
        )
    return vectors
