"""Turn the vectors of posts into one unit vector a user, in one pass."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.errors import VectorError

# Sums are kept in units of 2**-32, far below the last bit of a float32 component (2**-24). Whole numbers add
# up without rounding in float64 below 2**53, so up to 2**21 posts of one user give the same sum in any order.
UNITS = 2.0**32
BATCH_ROWS = 8192
# How far the length of a vector may be from 1: float16 rounds lengths by less than 0.001.
LENGTH_TOLERANCE = 0.01
# A mean shorter than this has no direction: its posts cancel out.
SHORTEST_MEAN = 1e-6
# Products of two components are summed in units of 2**-24, without rounding for up to 2**29 posts.
COARSE_UNITS = 2.0**12
# The covariance within users is measured on the posts of about this many.
COVARIANCE_USERS = 20_000


class UserVectors(NamedTuple):
    """One vector a user, and the users without one, counted by reason."""

    user_ids: pa.Array  # string, sorted; row i of vectors is user i's
    vectors: npt.NDArray[np.float32]  # (n_users, d), unit length
    dropped: dict[str, int]
    within: npt.NDArray[np.float64]  # (d, d), the covariance of posts within users; zeros when not
    # asked for, or if no user has two posts


class _Once:
    """Lets each of some posts through once, the first time that it comes."""

    def __init__(self, uris: pa.Array) -> None:
        self._uris = uris
        self._seen: npt.NDArray[np.bool_] = np.zeros(len(uris), bool)

    def mark(self, uris: pa.Array) -> npt.NDArray[np.bool_]:
        """Say which posts of a batch count, `(n_posts,)`."""
        number = pc.index_in(uris, value_set=self._uris).fill_null(-1).to_numpy()
        counts = number < 0
        repeated, first = np.unique(number, return_index=True)
        fresh = (repeated >= 0) & ~self._seen[repeated]
        counts[first[fresh]] = True
        self._seen[repeated[fresh]] = True
        return counts


class _Sums:
    """What is summed over the posts of each kept user."""

    def __init__(self, users: int, width: int, *, with_products: bool) -> None:
        self.posts: npt.NDArray[np.int64] = np.zeros(users, np.int64)
        self.vectors: npt.NDArray[np.float64] = np.zeros((users, width))
        self._with_products = with_products
        # Over the posts of every so manyth user: an outer product a post is most of the work.
        self.products: npt.NDArray[np.float64] = np.zeros((width, width))
        self.stride = -(-users // COVARIANCE_USERS) or 1

    def add(self, rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.float64]) -> None:
        """Add posts, `(n_posts, d)`, to the users in `rows`, `(n_posts,)`."""
        import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

        there, group = np.unique(rows, return_inverse=True)
        groups = scipy.sparse.csr_array((np.ones(len(rows)), (group, np.arange(len(rows)))))
        self.vectors[there] += groups @ np.rint(vectors * UNITS)
        self.posts[there] += np.bincount(group)
        if self._with_products:
            coarse = np.rint(vectors[rows % self.stride == 0] * COARSE_UNITS)
            self.products += coarse.T @ coarse

    def within(self) -> npt.NDArray[np.float64]:
        """Return the covariance of posts within users."""
        posts, sums = self.posts[:: self.stride], self.vectors[:: self.stride] / UNITS
        free = int(posts.sum() - np.count_nonzero(posts))
        if not free or not self._with_products:
            return np.zeros_like(self.products)
        means = sums / np.sqrt(np.maximum(posts, 1))[:, None]
        return (self.products / COARSE_UNITS**2 - means.T @ means) / free


def average_user_vectors(
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    *,
    repeated: pa.Array | None = None,
    with_covariance: bool = False,
    note: Callable[[int], None] = lambda _: None,
) -> UserVectors:
    """Return the normalised mean of each kept user's post vectors.

    Bit for bit the same for any order of posts and users and for any cut into files and batches, because the
    sums are exact (and, of the covariance, because BLAS adds whole numbers). Memory is 12 bytes a dimension
    and user, the repeated uris and a batch of posts.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order; may hold users that are not kept.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        repeated: Uris of posts with more than one vector, of which the first in the order of the files counts.
        with_covariance: Whether to measure how the posts of one user vary, which doubles the time.
        note: Called with the number of posts of each batch once it is summed.

    Raises:
        VectorError: Days differ in width or dtype, or a vector is not finite or not of unit length.
    """
    width = _common_width(embeddings)
    user_ids = english_users.to_table(columns=["user_id"]).sort_by("user_id")["user_id"].combine_chunks()
    rows = {user_id: row for row, user_id in enumerate(user_ids.to_pylist())}
    sums = _Sums(len(rows), width, with_products=with_covariance)
    # Few and small batches ahead: the default reads some 100 MB of vectors at a time and 16 of those.
    once = _Once(repeated) if repeated is not None and len(repeated) else None
    columns = ["user_id", "vector", *(["uri"] if once else [])]
    scanner = embeddings.scanner(columns=columns, batch_size=BATCH_ROWS, batch_readahead=4, fragment_readahead=1)
    for batch in scanner.to_batches():
        _add_batch(sums, rows, batch, once)
        note(batch.num_rows)
    return _normalise(user_ids, sums)


def _common_width(embeddings: pads.Dataset) -> int:
    """Return the vectors' width, the same in every file: days embedded by other models do not mix."""
    kind = embeddings.schema.field("vector").type
    for fragment in embeddings.get_fragments():
        found = fragment.physical_schema.field("vector").type
        if found != kind:
            raise VectorError(
                f"embeddings of the window differ: {found} on one day, {kind} on another; materialize "
                "embeddings again for all days of the window with one PERSONA_MODEL"
            )
    return tables.vector_width(embeddings.schema)


def _add_batch(sums: _Sums, rows: dict[str, int], batch: pa.RecordBatch, once: _Once | None) -> None:
    """Add the posts of kept users, those that repeat once."""
    users = pc.dictionary_encode(batch["user_id"])
    row_of_code = np.array([rows.get(user_id, -1) for user_id in users.dictionary.to_pylist()], np.int64)
    row_of_post = row_of_code[users.indices.to_numpy()]
    vectors = _check(batch["vector"])
    if once:
        row_of_post[~once.mark(batch["uri"])] = -1
    kept = np.flatnonzero(row_of_post >= 0)
    if len(kept):
        sums.add(row_of_post[kept], vectors[kept])


def _check(column: pa.FixedSizeListArray) -> npt.NDArray[np.float64]:
    """Return a batch's vectors as float64 `(n_posts, d)`, or refuse them."""
    if column.null_count:
        raise VectorError(f"embeddings: {column.null_count} posts have no vector; materialize embeddings again")
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
    vectors = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    wrong = int(np.count_nonzero(~(np.abs(lengths - 1) <= LENGTH_TOLERANCE)))
    if wrong:
        raise VectorError(
            f"embeddings: {wrong} of {len(vectors)} vectors of a batch are not finite or not of unit length; "
            "materialize embeddings again, and look at PERSONA_MODEL and PERSONA_DEVICE if it stays so"
        )
    return vectors


def _normalise(user_ids: pa.Array, sums: _Sums) -> UserVectors:
    """Divide each sum by its length, in place but for the result, and leave out those without direction."""
    within, posts = sums.within(), sums.posts
    lengths = np.sqrt(np.einsum("ij,ij->i", sums.vectors, sums.vectors))
    cancel = (posts > 0) & (lengths < SHORTEST_MEAN * UNITS * posts)
    kept = (posts > 0) & ~cancel
    sums.vectors /= np.where(kept, lengths, 1)[:, None]
    dropped = {"no vector in the window": int((posts == 0).sum()), "vectors cancel out": int(cancel.sum())}
    vectors = sums.vectors.astype(np.float32)
    return UserVectors(user_ids.filter(pa.array(kept)), vectors if kept.all() else vectors[kept], dropped, within)
