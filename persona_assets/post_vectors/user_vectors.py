"""Average the vectors of posts to one unit vector per user, in one pass over the posts."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.common.database import QueryOptions, parse_bytes, require_memory
from persona_assets.common.large_arrays import allocate_zeros
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut, count_by_reason, leave_out_users
from persona_assets.post_vectors.assign import BLOCK_ROWS, Float64Array, Int64Array, Vectors
from persona_assets.post_vectors.exact_sums import UNITS_PER_ONE, add_by_row
from persona_assets.post_vectors.read import read_common_width, read_post_vectors

# A mean with a smaller norm has no direction: the user's posts cancel out.
MIN_NORM_OF_MEAN = 1e-6
# Products of two components are summed in units of 2**-24, without rounding for up to 2**29 posts.
COARSE_UNITS_PER_ONE = 2.0**12
# The covariance within users is measured on the posts of about this many users.
COVARIANCE_USERS = 20_000

# Memory for a user's id, its row, its labels and sums over its posts, whatever the number of dimensions. Measured as
# the growth of the anonymous memory of `cluster_users` from 600,000 to 1.2 million users: 560 bytes a user.
BYTES_PER_USER = 600


class UserVectors(NamedTuple):
    """Result of `average_user_vectors`: one unit vector per user, and the number of users without one by reason."""

    user_ids: pa.Array  # string, sorted; row i of vectors belongs to user_ids[i]
    vectors: Vectors  # (n_users, d), unit length
    dropped: dict[str, int]  # number of users without a vector, by reason
    # (d, d), covariance of posts within users; zeros if it was not asked for, or if no user has two posts
    within_covariance: Float64Array
    posts: Int64Array  # (n_users,), number of posts that each vector is the mean of


class _UserSums:
    """The running sums over the posts of each user."""

    def __init__(self, vectors: Float64Array, *, with_products: bool) -> None:
        """Start with no posts; `vectors` are zeros, `(n_users, d)`, to which vectors are added in place."""
        users, width = vectors.shape
        self.posts: Int64Array = np.zeros(users, np.int64)
        self.vectors = vectors
        self._with_products = with_products
        # Outer products are summed for every n-th user only (n is `stride`), because they are most of the work.
        self.products: Float64Array = np.zeros((width, width))
        self.stride = -(-users // COVARIANCE_USERS) or 1

    def add(self, rows: Int64Array, vectors: Vectors) -> None:
        """Add posts, `(n_posts, d)`, to the users in `rows`, `(n_posts,)`."""
        add_by_row(self.vectors, rows, vectors)
        np.add.at(self.posts, rows, 1)
        if self._with_products:
            coarse = np.rint(vectors[rows % self.stride == 0].astype(np.float64) * COARSE_UNITS_PER_ONE)
            self.products += coarse.T @ coarse

    def within_covariance(self) -> Float64Array:
        """Return the pooled covariance of posts around the mean of their user, `(d, d)`."""
        posts, sums = self.posts[:: self.stride], self.vectors[:: self.stride] / UNITS_PER_ONE
        degrees_of_freedom = int(posts.sum() - np.count_nonzero(posts))
        if not degrees_of_freedom or not self._with_products:
            return np.zeros_like(self.products)
        scaled_sums = sums / np.sqrt(np.maximum(posts, 1))[:, None]
        return (self.products / COARSE_UNITS_PER_ONE**2 - scaled_sums.T @ scaled_sums) / degrees_of_freedom


def require_memory_for_users(users: int, memory_limit: str) -> None:
    """Refuse a window whose users need more memory than the limit allows, before any of them is read.

    Args:
        users: Number of users of the window.
        memory_limit: Such as "4GB".

    Raises:
        MemoryLimitError: The users need more than three quarters of the limit, their vectors not included.
    """
    require_memory(users * BYTES_PER_USER, memory_limit, what=f"the {users:,} users of the window")


def average_user_vectors(  # noqa: PLR0913 - the inputs, what to leave out of them, and limits
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    *,
    repeated_uris: pa.Array | None = None,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    with_covariance: bool = False,
    work: QueryOptions | None = None,
) -> UserVectors:
    """Return the mean of each user's post vectors, scaled to unit length; users without any are counted.

    The result is the same bit for bit for any order of posts and users and any division into files and batches: the
    sums are exact (those of the covariance, because BLAS adds whole numbers). Memory is 8 bytes per user and
    dimension, later 4, `BYTES_PER_USER`, the repeated URIs and a batch of posts. If the sums exceed half of the memory
    limit of `work`, or what the users leave of it, they are in a mapped file in its folder, and so are the vectors
    returned.

    Args:
        embeddings: `tables.embeddings_schema(d)` of the window, any order. Posts of other users are ignored.
        english_users: `tables.ENGLISH_USERS` of the window, any order.
        repeated_uris: URIs in more than one row, of which only the first vector in the order of the files is used.
        left_out: Users who get no vector, and posts that are part of none.
        with_covariance: Whether to measure the covariance within users, which doubles the time.
        work: Memory limit and folder for temporary files; None for sums in memory, whatever their size.

    Raises:
        VectorError: Days differ in width, dtype or model, or a vector is not finite or not of unit length.
    """
    users = english_users.to_table(columns=["user_id"]).sort_by("user_id")
    user_ids = leave_out_users(users, left_out)["user_id"].combine_chunks()
    rows = {user_id: row for row, user_id in enumerate(user_ids.to_pylist())}
    shape = (len(rows), read_common_width(embeddings))
    zeros = (
        allocate_zeros(shape, max_bytes=_max_bytes_of_sums(len(rows), work["memory_limit"]), scratch=work["scratch"])
        if work
        else np.zeros(shape)
    )
    sums = _UserSums(zeros, with_products=with_covariance)
    for posts in read_post_vectors(embeddings, rows, repeated_uris=repeated_uris, left_out=left_out.posts):
        sums.add(posts.rows, posts.vectors)
    averaged = _normalise(user_ids, sums)
    return averaged._replace(dropped=averaged.dropped | count_by_reason(left_out, users["user_id"]))


def _max_bytes_of_sums(users: int, memory_limit: str) -> int:
    limit = parse_bytes(memory_limit)
    return min(limit // 2, limit - users * BYTES_PER_USER)


def _normalise(user_ids: pa.Array, sums: _UserSums) -> UserVectors:
    """Divide each sum by its norm and drop users without a direction.

    The result takes the place of the sums, so that both are never in memory: float32 takes half of the bytes, and the
    rows that are written never reach those that are still to be read.
    """
    covariance, posts, summed = sums.within_covariance(), sums.posts, sums.vectors
    users, width = summed.shape
    vectors = summed.reshape(-1).view(np.float32)[: users * width].reshape(users, width)
    kept = np.zeros(users, bool)
    end = cancelled = 0
    for start in range(0, users, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        norms = np.sqrt(np.einsum("ij,ij->i", summed[block], summed[block]))
        cancel = (posts[block] > 0) & (norms < MIN_NORM_OF_MEAN * UNITS_PER_ONE * posts[block])
        kept[block] = (posts[block] > 0) & ~cancel
        of_block = (summed[block] / np.where(kept[block], norms, 1)[:, None]).astype(np.float32)[kept[block]]
        vectors[end : end + len(of_block)] = of_block
        end, cancelled = end + len(of_block), cancelled + int(cancel.sum())
    dropped = {"no vector in the window": int((posts == 0).sum()), "vectors cancel out": cancelled}
    return UserVectors(user_ids.filter(pa.array(kept)), vectors[:end], dropped, covariance, posts[kept])
