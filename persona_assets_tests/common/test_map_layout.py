"""The map of users: near each other is who is alike, the same bytes every time."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from persona_assets.common import map_layout
from persona_assets.common.map_layout import MIN_USERS, lay_out
from persona_assets.common.pictures import project_to_plane


def planted(groups, users, *, noise, seed=0):
    rng = np.random.default_rng(seed)
    group = np.arange(users) % groups
    vectors = rng.normal(size=(groups, 64))[group] + noise * rng.normal(size=(users, 64))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), group


def measure_purity(points, group, neighbours=10):
    near = NearestNeighbors(n_neighbors=neighbours + 1).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    return float((group[near] == group[:, None]).mean())


def test_neighbours_on_the_map_are_of_one_group_as_they_are_in_the_vectors_and_as_components_do_not_have_them():
    vectors, group = planted(25, 1000, noise=1.2)
    pure = measure_purity(vectors, group)

    assert measure_purity(lay_out(vectors, seed=0), group) > 0.95 * pure
    assert measure_purity(project_to_plane(vectors), group) < 0.6 * pure


def test_the_map_is_the_same_bytes_with_any_number_of_threads(tmp_path):
    program = (
        "import sys, numpy as np; from persona_assets.common.map_layout import lay_out; "
        "v = np.random.default_rng(0).normal(size=(300, 16)).astype(np.float32); "
        "v /= np.linalg.norm(v, axis=1, keepdims=True); sys.stdout.buffer.write(lay_out(v, seed=0).tobytes())"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": f"{threads}"},
            capture_output=True, check=True, timeout=600, cwd=tmp_path,
        ).stdout
        for threads in (1, 2)
    ]  # fmt: skip

    assert made[0] == made[1]
    assert len(made[0]) == 300 * 2 * 4


def test_of_many_users_some_are_laid_out_and_the_others_lie_between_their_neighbours(monkeypatch):
    monkeypatch.setattr(map_layout, "LAID_OUT_USERS", 200)
    vectors, group = planted(5, 600, noise=0.5)

    assert measure_purity(lay_out(vectors, seed=0), group) > 0.95


def test_a_map_that_begins_with_the_day_before_stays_where_it_was():
    vectors, _ = planted(6, 300, noise=0.8)
    before = lay_out(vectors[:250], seed=0)
    known = np.vstack([before, np.full((50, 2), np.nan, np.float32)])

    moved = [
        np.linalg.norm(lay_out(vectors, seed=0, before=given)[:250] - before, axis=1).mean() for given in (known, None)
    ]

    assert moved[0] < 0.5 * moved[1]


@pytest.mark.parametrize("users", [1, 2, 3, MIN_USERS - 1, MIN_USERS, 12])
def test_a_map_is_there_for_few_users_and_for_equal_ones(users):
    for vectors in (
        planted(2, users, noise=1)[0],
        np.tile(planted(1, 1, noise=1)[0], (users, 1)),
        np.zeros((users, 4)),
    ):
        positions = lay_out(vectors.astype(np.float32), seed=0)
        assert positions.shape == (users, 2)
        assert np.isfinite(positions).all()
