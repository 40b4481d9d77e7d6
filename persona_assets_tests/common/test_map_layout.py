"""Positions on the map: similar users are near each other, and users stay near their earlier positions."""

import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from persona_assets.common import map_layout
from persona_assets.common.map_layout import MAX_TSNE_USERS, compute_map_positions, sample_map_users
from persona_assets.common.pictures import project_to_plane


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def planted(users, *, groups=25, noise=1.0, seed=0):
    """Vectors of users, and the group of each."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, users)
    return unit(unit(rng.normal(size=(groups, 64)))[group] + noise * unit(rng.normal(size=(users, 64)))), group


def purity(positions, group):
    """Mean share of the ten nearest neighbours that are in the user's own group."""
    distances = ((positions[:, None] - positions[None]) ** 2).sum(axis=2)
    nearest = np.argsort(distances + np.diag(np.full(len(group), np.inf)), axis=1)[:, :10]
    return (group[nearest] == group[:, None]).mean()


def displacement(one, other):
    return np.sqrt(((one - other) ** 2).sum(axis=1)).mean()


def test_neighbours_on_the_map_are_those_of_the_vectors():
    vectors, group = planted(600)

    positions = compute_map_positions(vectors, seed=0)

    assert positions.shape == (600, 2)
    assert positions.dtype == np.float32
    assert purity(positions, group) > 0.95 * purity(vectors, group) > 0.9
    assert purity(project_to_plane(vectors), group) < 0.5
    assert np.sqrt((positions**2).sum(axis=1).mean()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("with_before", [False, True])
def test_the_bytes_are_the_same_twice_and_with_any_number_of_threads(with_before):
    vectors, _ = planted(300)
    previous = project_to_plane(vectors) if with_before else None

    results = []
    for threads in (1, 2, 2):
        with threadpool_limits(limits=threads):
            results.append(compute_map_positions(vectors, seed=1, previous=previous).tobytes())

    assert len(set(results)) == 1


def test_a_process_with_other_threads_makes_the_same_bytes():
    program = (
        "import sys, numpy as np; from persona_assets.common.map_layout import compute_map_positions;"
        "v = np.random.default_rng(0).normal(size=(200, 16)).astype('f4');"
        "print(compute_map_positions(v / np.linalg.norm(v, axis=1, keepdims=True), seed=0).tobytes().hex())"
    )

    shown = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"OMP_NUM_THREADS": count, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            timeout=600,
        ).stdout
        for count in ("1", "2")
    }

    assert len(shown) == 1
    assert len(shown.pop().strip()) == 200 * 2 * 4 * 2


@pytest.mark.parametrize("users", [1, 2, 3, 4, 7, 8, 9, 31, 92])
def test_few_users_have_distinct_positions(users):
    vectors, _ = planted(users)

    positions = compute_map_positions(vectors, seed=0)

    assert positions.shape == (users, 2)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == users


@pytest.mark.parametrize("users", [2, 8, 200])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_vectors_have_finite_positions(users, value):
    vectors = np.zeros((users, 8), np.float32)
    vectors[:, 0] = value

    assert np.isfinite(compute_map_positions(vectors, seed=0)).all()


def test_a_group_of_equal_vectors_is_together_and_not_one_point():
    vectors, _ = planted(200)
    vectors[:50] = vectors[0]

    positions = compute_map_positions(vectors, seed=0)

    assert len(np.unique(positions[:50], axis=0)) == 50
    assert positions[:50].std(axis=0).max() < positions.std(axis=0).min() / 2


def test_users_stay_where_they_were_the_day_before():
    vectors, group = planted(500, noise=1.5)
    previous = compute_map_positions(vectors, seed=0)
    changed = unit(vectors + 0.3 * unit(np.random.default_rng(1).normal(size=vectors.shape)))
    joined = planted(25, noise=1.5, seed=2)[0]
    now = np.vstack([changed[50:], joined])
    known = np.vstack([previous[50:], np.full((25, 2), np.nan, np.float32)])

    with_before, without = compute_map_positions(now, seed=0, previous=known), compute_map_positions(now, seed=0)

    assert displacement(with_before[:450], previous[50:]) < 0.25
    assert displacement(with_before[:450], previous[50:]) < displacement(without[:450], previous[50:]) / 2
    assert purity(with_before[:450], group[50:]) > 0.95 * purity(now[:450], group[50:])


def test_a_group_that_is_new_gets_a_place_of_its_own():
    vectors, group = planted(400, groups=8)
    old = group < 7
    previous = np.full((400, 2), np.nan, np.float32)
    previous[old] = compute_map_positions(vectors[old], seed=0)

    positions = compute_map_positions(vectors, seed=0, previous=previous)

    assert purity(positions, group) > 0.98


def test_a_rotated_and_translated_previous_map_is_matched():
    vectors, _ = planted(300)
    turned = compute_map_positions(vectors, seed=0) @ np.array([[0, 1], [1, 0]], np.float32) + np.float32(5)

    assert displacement(compute_map_positions(vectors, seed=0, previous=turned), turned) < 0.15


@pytest.mark.parametrize("users", [1, 5, 300])
def test_too_few_earlier_positions_are_ignored(users):
    vectors, _ = planted(users)
    previous = np.full((users, 2), np.nan, np.float32)
    previous[0] = 7

    assert (
        compute_map_positions(vectors, seed=0, previous=previous).tobytes()
        == compute_map_positions(vectors, seed=0).tobytes()
    )


def test_interpolated_users_are_among_their_neighbours(monkeypatch):
    monkeypatch.setattr(map_layout, "MAX_TSNE_USERS", 400)
    monkeypatch.setattr(map_layout, "BLOCK_ROWS", 256)
    vectors, group = planted(1000, groups=10)

    positions = compute_map_positions(vectors, seed=0)

    assert purity(positions, group) > 0.95
    assert len(np.unique(positions, axis=0)) > 950
    assert MAX_TSNE_USERS == 2000


def test_a_sample_has_users_of_every_group_and_otherwise_follows_the_density():
    groups = np.array([0] * 8000 + [1] * 1990 + [2] * 7 + [3] * 3)
    ids = [f"did:plc:{number}" for number in range(10_000)]

    rows = sample_map_users(ids, groups, max_users=1000, seed=0)

    drawn = np.bincount(groups[rows])
    assert len(rows) == len(set(rows.tolist())) == 1000
    assert (np.diff(rows) > 0).all()
    assert drawn[2] >= 5
    assert drawn[3] == 3
    assert drawn[0] / drawn[1] == pytest.approx(4, rel=0.3)
    assert rows.tolist() != sample_map_users(ids, groups, max_users=1000, seed=1).tolist()


def test_a_sample_of_the_next_day_has_most_of_the_users():
    ids = [f"did:plc:{number}" for number in range(3000)]
    left = ids[150:]

    one, other = (
        {users[row] for row in sample_map_users(users, np.zeros(len(users), int), max_users=500, seed=0)}
        for users in (ids, left)
    )

    assert len(one & other) >= 450


def test_a_sample_of_few_users_or_many_groups():
    assert sample_map_users(["a", "b"], np.array([0, 1]), max_users=10, seed=0).tolist() == [0, 1]
    groups = np.arange(100) // 10
    assert set(groups[sample_map_users(map(str, range(100)), groups, max_users=10, seed=0)]) == set(range(10))
