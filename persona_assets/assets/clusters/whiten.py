"""Turn user vectors so that what tells users apart counts more than what varies within each of them."""

import numpy as np
import numpy.typing as npt

from persona_assets.assets.clusters.assign import Vectors, over_blocks, single_threaded_blas

Square = npt.NDArray[np.float64]

# Added to every variance within users, as a share of their mean: directions in which users hardly vary would
# otherwise count without bound. From 0.1 to 1 makes no difference on our data.
RIDGE = 0.3
# Directions kept: this many or two a cluster, whichever is more. From 24 to 96 makes little difference.
DIRECTIONS = 48
DIRECTIONS_OF_A_CLUSTER = 2


def whiten_vectors(vectors: Vectors, within: Square, *, n_clusters: int) -> Vectors:
    """Return the users' unit vectors in the directions in which users differ most for how much each varies.

    Posts of one user differ in ways that say nothing about who writes: length, mood, form. Their covariance
    within users is measured without any label, and directions are scaled by its inverse root (within-class
    covariance normalisation of speaker recognition: Hatch, Kajarekar and Stolcke, 2006); then the principal
    components of users are kept. With users as classes this is Fisher's discriminant analysis.

    Memory is that of the result and one block.

    Args:
        vectors: `(n_users, d)` float32, unit length.
        within: `(d, d)`, the covariance of posts within users; of zeros, nothing is scaled.
        n_clusters: How many clusters are sought.

    Returns:
        `(n_users, min(d, directions))` float32, unit length, around the mean user; zeros for a user who is it.
    """
    with single_threaded_blas():
        variances, axes = np.linalg.eigh(within)
        variances = np.maximum(variances, 0)
        mean = vectors.mean(axis=0, dtype=np.float64)
        scale = axes / np.sqrt(variances + (RIDGE * variances.mean() or 1))
        spread = sum(over_blocks(len(vectors), lambda block: _spread((vectors[block] - mean) @ scale)))
        most = max(DIRECTIONS, DIRECTIONS_OF_A_CLUSTER * n_clusters)
        turn = (scale @ np.linalg.eigh(spread)[1][:, ::-1][:, :most]).astype(np.float32)
        parts = over_blocks(len(vectors), lambda block: _unit((vectors[block] - mean.astype(np.float32)) @ turn))
        return np.concatenate(list(parts))


def _spread(rows: Square) -> Square:
    return rows.T @ rows


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
