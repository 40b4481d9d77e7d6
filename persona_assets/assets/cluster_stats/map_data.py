"""Encode the users on the map of the report as compact JSON: about 5.5 bytes for each user."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.common.pictures import Floats, Ints

# Positions are encoded as integers from 0 to this. On a map 4,000 pixels wide, one step is 1/16 of a pixel.
_MAX_POSITION = 2**16 - 1


class MapData(NamedTuple):
    """The users on the interactive map: arrays with one row per user, for positions, clusters and outliers."""

    positions: Floats  # float32 (n, 2), finite
    clusters: Ints  # int64 (n,), number of the cluster
    outliers: npt.NDArray[np.bool_]  # (n,), whether the user is far from its cluster
    phrases: Sequence[str] | None = None  # (n,), key phrases of the user as one string; None to show none


def encode_map(map_data: MapData, *, n_clusters: int) -> dict[str, Any]:
    """Encode users' positions, clusters and outliers as compact JSON values (base64), about 5.5 bytes per user.

    Users are sorted by cluster, outliers last, so that two counts for each cluster give all memberships.

    Args:
        map_data: The users, in any order.
        n_clusters: Number of clusters, including those without a user on the map.

    Returns:
        `positions` (base64 of little-endian uint16 x and y, in one scale), `points` and `outliers` (for each cluster,
        its number of users and of outliers among them), and `phrases`, if given, in the order of `positions`.

    Raises:
        ValueError: The arrays differ in length, a position is not finite, or a cluster is not below `n_clusters`.
    """
    positions, clusters, outliers, phrases = map_data
    if not len(positions) == len(clusters) == len(outliers) == len(clusters if phrases is None else phrases):
        raise ValueError("positions, clusters, outliers and phrases of the map must have one row a user")
    if not np.isfinite(positions).all():
        raise ValueError("every position on the map must be finite")
    if len(clusters) and not 0 <= clusters.min() <= clusters.max() < n_clusters:
        raise ValueError(f"every cluster on the map must be at least 0 and less than {n_clusters}")
    order = np.lexsort((outliers, clusters))
    encoded = {
        "positions": base64.b64encode(_quantise(positions)[order].tobytes()).decode(),
        "points": np.bincount(clusters, minlength=n_clusters).tolist(),
        "outliers": np.bincount(clusters[outliers], minlength=n_clusters).tolist(),
    }
    return encoded if phrases is None else {**encoded, "phrases": [phrases[row] for row in order]}


def _quantise(positions: Floats) -> npt.NDArray[np.uint16]:
    """Return the positions as uint16 `(n, 2)`, scaled so that the longer side is from 0 to `_MAX_POSITION`."""
    if not len(positions):
        return np.zeros((0, 2), "<u2")
    moved = positions.astype(np.float64) - positions.min(axis=0).astype(np.float64)
    return np.rint(moved * (_MAX_POSITION / (moved.max() or 1.0))).astype("<u2")
