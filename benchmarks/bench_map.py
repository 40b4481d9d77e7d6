"""Measure quality and cost of the map of users: this project's t-SNE, principal components, openTSNE and UMAP.

    python benchmarks/bench_map.py                           # 25 planted groups of 1,000 and 10,000 users: 2 minutes
    python benchmarks/bench_map.py --users 100000 --ways pca ours
    python benchmarks/bench_map.py --vectors users.npz       # arrays `vectors` (n, d), unit length, and `labels` (n,)

`umap-learn` and `openTSNE` are included if they are installed; numba compiles before the measurement. `purity` is the
share of the ten nearest neighbours on the map in a user's own group, divided by the same share among the vectors
(second column); `trust` is scikit-learn's trustworthiness for ten neighbours of 2,000 users; `CPU s` is on one thread.

The second table is about consecutive days: every user has seven posts, of which one is replaced each day, and 5 % of
users are absent each day. `moved`
is the mean distance that users common to two days move, divided by the root mean square radius of the map, with and
without the positions of the day before.
"""

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from persona_assets.common.map_layout import compute_map_positions
from persona_assets.common.pictures import project_to_plane

GROUPS, DIMENSIONS, NOISE = 25, 384, 2.5
JUDGED_USERS, TRUSTED_USERS = 4000, 2000
DAYS, DAYS_USERS, POSTS, ABSENT = 10, 1000, 7, 0.05


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows scaled to norm 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def plant_groups(rng: np.random.Generator, users: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre of each user's group, `(users, DIMENSIONS)`, and its number; sizes differ up to ninefold."""
    shares = 1 / np.arange(3, GROUPS + 3)
    labels = rng.choice(GROUPS, users, p=shares / shares.sum())
    families = unit(rng.normal(size=(6, DIMENSIONS)))[np.arange(GROUPS) % 6]
    return unit(unit(rng.normal(size=(GROUPS, DIMENSIONS))) + families)[labels], labels


def make_days(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield for each day the vectors of all users, their groups, and who is there."""
    centres, labels = plant_groups(rng, DAYS_USERS)
    own = unit(rng.normal(size=centres.shape))
    posts = [unit(rng.normal(size=centres.shape)) for _ in range(POSTS)]
    for day in range(DAYS):
        posts[day % POSTS] = unit(rng.normal(size=centres.shape))
        vectors = unit(centres + own + NOISE * np.mean(posts, axis=0))
        yield vectors, labels, rng.random(DAYS_USERS) > ABSENT


def find_ways() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the installed methods by name."""
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "pca": project_to_plane,
        "ours": lambda v: compute_map_positions(v, seed=0),
    }
    if find_spec("openTSNE"):
        library = importlib.import_module("openTSNE")
        ways["openTSNE"] = lambda v: np.asarray(library.TSNE(random_state=0, n_jobs=1).fit(v))
    if find_spec("umap"):
        other = importlib.import_module("umap")
        ways["umap"] = lambda v: other.UMAP(random_state=0, metric="cosine", n_jobs=1).fit_transform(v)
    return ways


def measure_purity(points: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of ten nearest neighbours that have the label of the point, among `JUDGED_USERS`."""
    judged = np.random.default_rng(0).permutation(len(points))[:JUDGED_USERS]
    nearest = NearestNeighbors(n_neighbors=11).fit(points).kneighbors(points[judged], return_distance=False)[:, 1:]
    return float((labels[nearest] == labels[judged][:, None]).mean())


def compare_ways(name: str, vectors: np.ndarray, labels: np.ndarray, ways: list[str]) -> None:
    """Print a row for each method."""
    of_vectors = measure_purity(vectors, labels)
    some = np.random.default_rng(0).permutation(len(vectors))[:TRUSTED_USERS]
    for way in ways:
        find_ways()[way](vectors[:200])
        start = time.process_time()
        positions = find_ways()[way](vectors).astype(np.float32)
        seconds = time.process_time() - start
        purity = measure_purity(positions, labels) / of_vectors
        trust = trustworthiness(vectors[some], positions[some], n_neighbors=10)
        print(
            f"{name:16}{len(vectors):8}{of_vectors:9.3f}  {way:10}{purity:8.3f}{trust:8.3f}{seconds:8.1f}", flush=True
        )


def follow_days(*, with_before: bool) -> None:
    """Print how far users move from day to day, and the purity of the last day."""
    earlier, moved, purity = np.full((DAYS_USERS, 2), np.nan, np.float32), [], 0.0
    for vectors, labels, there in make_days(np.random.default_rng(1)):
        positions = compute_map_positions(vectors[there], seed=0, previous=earlier[there] if with_before else None)
        common = np.isfinite(earlier[there]).all(axis=1)
        if common.any():
            moved.append(np.sqrt(((positions - earlier[there])[common] ** 2).sum(axis=1)).mean())
        purity = measure_purity(positions, labels[there]) / measure_purity(vectors[there], labels[there])
        earlier = np.full((DAYS_USERS, 2), np.nan, np.float32)
        earlier[there] = positions
    print(f"{'with' if with_before else 'without':8}{np.mean(moved):8.3f}{np.max(moved):8.3f}{purity:8.3f}", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[1000, 10_000], metavar="N")
    parser.add_argument("--vectors", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--ways", nargs="+", default=list(find_ways()), choices=list(find_ways()))
    arguments = parser.parse_args()
    print(f"{'':16}{'users':>8}{'vectors':>9}  {'way':10}{'purity':>8}{'trust':>8}{'CPU s':>8}")
    with threadpool_limits(limits=1):
        for file in arguments.vectors:
            stored = np.load(file)
            compare_ways(file.stem, stored["vectors"], stored["labels"], arguments.ways)
        for users in [] if arguments.vectors else arguments.users:
            rng = np.random.default_rng(0)
            centres, labels = plant_groups(rng, users)
            vectors = unit(centres + NOISE * unit(rng.normal(size=centres.shape)))
            compare_ways(f"{GROUPS} planted", vectors, labels, arguments.ways)
        if not arguments.vectors:
            print(f"\nday before  moved     most  purity ({DAYS} days, {DAYS_USERS} users)")
            for with_before in (False, True):
                follow_days(with_before=with_before)


if __name__ == "__main__":
    main()
