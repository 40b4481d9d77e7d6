"""Read the vectors of posts by users in clusters, batch by batch."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BATCH_ROWS = 8192
# Sums are kept in whole units of 2**-32: they do not round in float64, so the order of posts does not show.
UNITS = 2.0**32


class PostVectors(NamedTuple):
    """The vectors of some posts."""

    rows: Ints  # (n_posts,) the row of each post's author
    vectors: Floats  # (n_posts, d), unit length
    uris: pa.Array  # string


def read_post_vectors(embeddings: pads.Dataset, row_of_user: Mapping[str, int]) -> Iterator[PostVectors]:
    """Yield the posts of the users in `row_of_user`, a batch of the dataset at a time.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window.
        row_of_user: The number by which a user is known to the caller.
    """
    scanner = embeddings.scanner(batch_size=BATCH_ROWS, batch_readahead=4, fragment_readahead=1)
    for batch in scanner.to_batches():
        users = pc.dictionary_encode(batch["user_id"])
        row_of_code = np.array([row_of_user.get(user, -1) for user in users.dictionary.to_pylist()], np.int64)
        rows = row_of_code[users.indices.to_numpy()]
        kept = np.flatnonzero(rows >= 0)
        if len(kept):
            column = batch["vector"]
            vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
            yield PostVectors(rows[kept], vectors[kept].astype(np.float32), batch["uri"].take(pa.array(kept)))


def add_by_row(sums: npt.NDArray[np.float64], rows: Ints, vectors: Floats) -> None:
    """Add each vector, in whole units, to its row of `sums`."""
    import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    if not len(rows):
        return
    there, group = np.unique(rows, return_inverse=True)
    groups = scipy.sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
    sums[there] += groups @ np.rint(vectors.astype(np.float64) * UNITS)


def directions(sums: npt.NDArray[np.float64]) -> Floats:
    """Return the rows of `sums` with length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return (sums / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)
