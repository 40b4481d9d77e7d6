"""Turn the vectors of posts into one unit vector a user, in one pass."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.post_vectors.exact_sums import UNITS, add_by_row
from persona_assets.post_vectors.read import common_width, read_post_vectors

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
        add_by_row(self.vectors, rows, vectors)
        np.add.at(self.posts, rows, 1)
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
        VectorError: Days differ in width, dtype or model, or a vector is not finite or not of unit length.
    """
    user_ids = english_users.to_table(columns=["user_id"]).sort_by("user_id")["user_id"].combine_chunks()
    rows = {user_id: row for row, user_id in enumerate(user_ids.to_pylist())}
    sums = _Sums(len(rows), common_width(embeddings), with_products=with_covariance)
    for posts in read_post_vectors(embeddings, rows, repeated=repeated, note=note):
        sums.add(posts.rows, posts.vectors)
    return _normalise(user_ids, sums)


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
