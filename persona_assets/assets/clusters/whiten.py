"""Whiten user vectors: within-class covariance normalisation, with the posts of a user as its class."""

import numpy as np

from persona_assets.post_vectors.assign import Float64Array, Vectors, map_blocks, single_threaded_blas

# Added to each variance within users, as a share of the mean variance: without it, directions in which the posts of a
# user hardly vary would be scaled up without bound. Values from 0.1 to 1 make no difference on our data.
RIDGE = 0.3
# Principal components kept: this many, or this many per cluster if that is more. From 24 to 96 makes little difference.
N_COMPONENTS = 48
COMPONENTS_PER_CLUSTER = 2


def whiten_vectors(vectors: Vectors, within_covariance: Float64Array, *, n_clusters: int) -> Vectors:
    """Whiten user vectors by the covariance within users, reduce to principal components, scale to unit length.

    Posts of one user differ in ways that do not say who writes, such as length, mood and form. Their covariance within
    users needs no labels. Vectors are multiplied by its inverse square root (within-class covariance normalisation of
    speaker recognition: Hatch, Kajarekar and Stolcke, 2006), and their first principal components are kept. With each
    user as a class this is Fisher's linear discriminant analysis.

    Memory is that of the result and one block.

    Args:
        vectors: `(n_users, d)` float32, unit length.
        within_covariance: `(d, d)`, the covariance of posts within users. Zeros scale nothing.
        n_clusters: Number of clusters that will be fitted.

    Returns:
        `(n_users, min(d, n_components))` float32, centred on the mean user, then scaled to unit length. The row of a
        user whose vector equals the mean is zeros.
    """
    with single_threaded_blas():
        variances, axes = np.linalg.eigh(within_covariance)
        variances = np.maximum(variances, 0)
        mean = vectors.mean(axis=0, dtype=np.float64)
        scaled_axes = axes / np.sqrt(variances + (RIDGE * variances.mean() or 1))
        covariance = sum(map_blocks(len(vectors), lambda block: _scatter_matrix((vectors[block] - mean) @ scaled_axes)))
        n_components = max(N_COMPONENTS, COMPONENTS_PER_CLUSTER * n_clusters)
        components = (scaled_axes @ np.linalg.eigh(covariance)[1][:, ::-1][:, :n_components]).astype(np.float32)
        blocks = map_blocks(
            len(vectors), lambda block: _to_unit_length((vectors[block] - mean.astype(np.float32)) @ components)
        )
        return np.concatenate(list(blocks))


def _scatter_matrix(rows: Float64Array) -> Float64Array:
    return rows.T @ rows


def _to_unit_length(rows: Vectors) -> Vectors:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
