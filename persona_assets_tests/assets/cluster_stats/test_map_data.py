"""The users of the interactive map, encoded as JSON."""

import base64
import json

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.map_data import MapData, encode_map


def users(n, n_clusters, *, seed=0, phrases=None):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(n, 2)).astype(np.float32) * [1000, 0.1]
    return MapData(positions.astype(np.float32), rng.integers(0, n_clusters, n), rng.random(n) < 0.3, phrases)


def decode(encoded):
    """Return positions, clusters and outliers as the script of the page decodes them."""
    grid = np.frombuffer(base64.b64decode(encoded["positions"]), "<u2").reshape(-1, 2)
    clusters = np.repeat(np.arange(len(encoded["points"])), encoded["points"])
    outliers = [
        rank >= points - out
        for points, out in zip(encoded["points"], encoded["outliers"], strict=True)
        for rank in range(points)
    ]
    return grid, clusters, np.array(outliers, bool)


def test_every_user_keeps_its_position_cluster_and_outlier_flag():
    map_data = users(500, 7)

    grid, clusters, outliers = decode(encode_map(map_data, n_clusters=9))

    order = np.lexsort((map_data.outliers, map_data.clusters))
    assert clusters.tolist() == map_data.clusters[order].tolist()
    assert outliers.tolist() == map_data.outliers[order].tolist()
    low = map_data.positions.min(axis=0)
    step = np.ptp(map_data.positions, axis=0).max() / 65535  # of both axes, so that shapes stay
    assert np.abs(grid * step + low - map_data.positions[order]).max() <= 0.51 * step
    assert grid.max() == 65535


def test_ten_thousand_users_take_sixty_kilobytes():
    assert len(json.dumps(encode_map(users(10_000, 1000), n_clusters=1000))) < 64_000


def test_phrases_stay_with_their_users():
    map_data = users(50, 3)
    map_data = map_data._replace(phrases=[f"cluster {cluster}" for cluster in map_data.clusters])

    encoded = encode_map(map_data, n_clusters=3)

    assert encoded["phrases"] == [f"cluster {cluster}" for cluster in decode(encoded)[1]]
    assert "phrases" not in encode_map(users(5, 2), n_clusters=2)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_users_or_users_at_one_position_are_encoded(n):
    map_data = MapData(np.ones((n, 2), np.float32), np.zeros(n, np.int64), np.zeros(n, bool))

    grid, clusters, _ = decode(encode_map(map_data, n_clusters=2))

    assert grid.tolist() == [[0, 0]] * n
    assert clusters.tolist() == [0] * n


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"clusters": np.zeros(4, np.int64)}, "one row a user"),
        ({"phrases": ["one"]}, "one row a user"),
        ({"positions": np.full((5, 2), np.nan, np.float32)}, "finite"),
        ({"clusters": np.full(5, 2)}, "less than 2"),
        ({"clusters": np.full(5, -1)}, "at least 0"),
    ],
)
def test_arrays_that_do_not_match_are_an_error(change, says):
    with pytest.raises(ValueError, match=says):
        encode_map(users(5, 2)._replace(**change), n_clusters=2)
