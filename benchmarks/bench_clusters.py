"""Measure cost and quality of the clustering of users, compared with other k-means implementations.

    python benchmarks/bench_clusters.py                                    # 2,000 and 10,000 users: a minute
    python benchmarks/bench_clusters.py --users 10000 --ways ours constrained --rounds 3
    python benchmarks/bench_clusters.py --users 100000 --clusters 100
    python benchmarks/bench_clusters.py --users 1000000 --clusters 1000 --ways ours minibatch   # 20 minutes

The data are vectors of 384 dimensions in planted groups of unequal size. Each implementation runs in a new process, in
turn, round after round. CPU seconds are those of all its threads, without imports and reading. `inertia` is the sum of
squared distances to the mean of the cluster. `two orders` is the adjusted Rand index between the labels of the same
users in two orders. Below the lines of a size are the ratios of this project's clustering to each other one.
Implementations that are not installed (faiss, k-means-constrained) are left out, and k-means-constrained only runs up
to 10,000 users, where it takes minutes.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

WIDTH = 384
LEAST = 10
# Norm of the noise that is added to a unit centre. Groups overlap, as personas do.
NOISE = 2.0
MOST_USERS_CONSTRAINED = 10_000
WAYS = ("ours", "kmeans", "minibatch", "faiss", "constrained")
NEEDS = {"faiss": "faiss", "constrained": "k_means_constrained"}
Labels = np.ndarray


def make_users(folder: Path, users: int, clusters: int) -> None:
    """Write `vectors.npy` and `groups.npy`, unless they exist."""
    if (folder / "groups.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, WIDTH)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    shares = 1 / np.arange(1, clusters + 1) ** 0.7
    groups = rng.choice(clusters, users, p=shares / shares.sum())
    vectors = rng.standard_normal((users, WIDTH), dtype=np.float32) * np.float32(NOISE / WIDTH**0.5)
    vectors += centres[groups]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "groups.npy", groups)


def ours(vectors: np.ndarray, clusters: int) -> Callable[[], Labels]:
    """Return a function that runs this project's clustering."""
    from persona_assets.assets.clusters.lloyd import ClusterSpec  # noqa: PLC0415 - the same
    from persona_assets.assets.clusters.methods import fit_clusters  # noqa: PLC0415 - each way imports its own

    return lambda: fit_clusters(vectors, ClusterSpec(clusters, LEAST), seed=0).labels


def kmeans(vectors: np.ndarray, clusters: int) -> Callable[[], Labels]:
    """Return scikit-learn's KMeans with ten starts, as the reference's default has."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - each way imports its own

    return lambda: KMeans(clusters, n_init=10, random_state=0).fit_predict(vectors)


def minibatch(vectors: np.ndarray, clusters: int) -> Callable[[], Labels]:
    """Return scikit-learn's MiniBatchKMeans at its defaults."""
    from sklearn.cluster import MiniBatchKMeans  # noqa: PLC0415 - each way imports its own

    return lambda: MiniBatchKMeans(clusters, random_state=0).fit_predict(vectors)


def with_faiss(vectors: np.ndarray, clusters: int) -> Callable[[], Labels]:
    """Return faiss's spherical k-means on all users, 25 rounds, one start."""
    import faiss  # noqa: PLC0415 - each way imports its own

    def run() -> Labels:
        fit = faiss.Kmeans(WIDTH, clusters, niter=25, spherical=True, seed=0, max_points_per_centroid=10**9)
        fit.train(vectors)
        return fit.index.search(vectors, 1)[1].ravel()

    return run


def constrained(vectors: np.ndarray, clusters: int) -> Callable[[], Labels]:
    """Return k-means-constrained at its default of ten starts, as the reference calls it, in one process."""
    from k_means_constrained import KMeansConstrained  # noqa: PLC0415 - each way imports its own

    fit = KMeansConstrained(clusters, size_min=LEAST, random_state=0, n_jobs=1)
    return lambda: fit.fit_predict(vectors.astype(np.float64))


MAKE = dict(zip(WAYS, (ours, kmeans, minibatch, with_faiss, constrained), strict=True))


def run_way(way: str, folder: Path, clusters: int, *, shuffle: bool) -> None:
    """Run one implementation and print its costs as JSON; save its labels in the order of the file."""
    vectors = np.load(folder / "vectors.npy")
    order = np.random.default_rng(1).permutation(len(vectors)) if shuffle else np.arange(len(vectors))
    # The asset sorts users by id before fitting, so every order of the input gives this order of rows.
    given = vectors if way.startswith("ours") or not shuffle else vectors[order]
    work = MAKE[way](given, clusters)
    wall, cpu = time.perf_counter(), time.process_time()
    labels = np.asarray(work())
    cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    if given is not vectors:
        labels = labels[np.argsort(order)]
    np.save(folder / f"labels-{way}-{shuffle}.npy", labels)
    cost["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(json.dumps(cost))


def judge(folder: Path, way: str, clusters: int) -> dict[str, float]:
    """Return quality measures of the labels of one implementation."""
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - not in the processes that are timed

    from persona_assets.post_vectors.assign import sum_by_cluster  # noqa: PLC0415 - the same

    vectors, groups = (np.load(folder / name, mmap_mode="r") for name in ("vectors.npy", "groups.npy"))
    one, other = (np.load(folder / f"labels-{way}-{shuffle}.npy").astype(np.int32) for shuffle in (False, True))
    sizes = np.bincount(one, minlength=clusters)
    sums = sum_by_cluster(np.asarray(vectors), one, clusters).astype(np.float64)
    return {
        "inertia": len(vectors) - float(((sums**2).sum(axis=1) / np.maximum(sizes, 1)).sum()),
        "smallest": int(sizes.min()),
        "truth": adjusted_rand_score(groups, one),
        "orders": adjusted_rand_score(one, other),
    }


def run_size(folder: Path, users: int, clusters: int, ways: list[str], rounds: int) -> None:
    """Run every implementation on one number of users, and print a line for each."""
    make_users(folder, users, clusters)
    costs: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds + 1):  # the last round has the users in another order
        for way in ways:
            if (way == "constrained" and users > MOST_USERS_CONSTRAINED) or (way == "kmeans" and users > 10**5):
                continue
            call = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--clusters", str(clusters)]
            if number == rounds:
                call.append("--shuffle")
            done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
            costs.setdefault(way, []).append(json.loads(done.stdout))
    found: dict[str, dict[str, float]] = {}
    for way, measured in costs.items():
        cost = {key: statistics.median(one[key] for one in measured) for key in measured[0]}
        good = judge(folder, way, clusters)
        found[way] = cost | good
        print(
            f"{users:>9,} {clusters:>5} {way:<16} {cost['cpu']:>8.1f} {cost['wall']:>8.1f} {cost['peak']:>7,.0f}"
            f" {good['inertia']:>11,.1f} {good['smallest']:>8} {good['truth']:>6.3f} {good['orders']:>10.3f}",
            flush=True,
        )
    for way in found if "ours" in found else ():
        if way != "ours":
            cpu, peak, inertia = (found["ours"][key] / found[way][key] for key in ("cpu", "peak", "inertia"))
            print(f"{'':>15} ours / {way}: CPU {cpu:.4f}, MB {peak:.2f}, inertia {inertia:.4f}", flush=True)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, nargs="+", default=[2_000, 10_000])
    parser.add_argument("--clusters", type=int, default=25)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--shuffle", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        run_way(asked.way, asked.folder, asked.clusters, shuffle=asked.shuffle)
        return
    ways = [way for way in asked.ways if way not in NEEDS or importlib.util.find_spec(NEEDS[way])]
    print(f"{'users':>9} {'k':>5} {'way':<16} {'CPU s':>8} {'wall s':>8} {'MB':>7}", end="")
    print(f" {'inertia':>11} {'smallest':>8} {'truth':>6} {'two orders':>10}")
    with tempfile.TemporaryDirectory() as made:
        for users in asked.users:
            folder = (asked.folder or Path(made)) / f"{users}-{asked.clusters}"
            run_size(folder, users, asked.clusters, ways, asked.rounds)


if __name__ == "__main__":
    main()
