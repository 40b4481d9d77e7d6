"""Users held out of a fit: are they put where a new fit with them would put them, and does drift stay quiet?

    python benchmarks/bench_assignments.py             # newsgroups

Authors of newsgroups are clustered by the mean of their vectors, with a fifth of them held out. The held-out authors
are assigned to the nearest centres by `user_assignments`, and compared with their main newsgroup by the adjusted Rand
index (ARI), beside what a fit with all authors gives the same authors. The last columns are what the checks of drift
see: without drift, with the held-out authors of half of the groups alone, and with texts of another kind (made-up
posts).
"""

import argparse
import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from bench_linkage import NEWSGROUPS, Corpus, make_embed, read_newsgroups, write_planted
from sklearn.metrics import adjusted_rand_score

from persona_assets import tables
from persona_assets.assets.clusters.build import ClusteringOptions, ClusteringResult, cluster_users
from persona_assets.assets.user_assignments.drift import measure_drift
from persona_assets.assets.user_assignments.nearest_personas import EarlierClusters, assign_users, load_earlier_clusters

DAY = dt.date(2025, 3, 1)
CLUSTERS, SEEDS, HELD_OUT = 20, 5, 0.2


def table_name_of(corpus: Corpus, vectors: np.ndarray) -> pa.Table:
    """Return `embeddings` of the texts; authors are numbered."""
    schema = tables.embeddings_schema(vectors.shape[1], pa.float32())
    uris = [f"{number}" for number in range(len(vectors))]
    ids = [f"{author:04d}" for author in corpus.authors]
    kind = schema.field("vector").type
    flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.astype(np.float32).ravel()), type=kind)
    return pa.table([uris, ids, flat], schema=schema)


def users_of(numbers: np.ndarray) -> pads.Dataset:
    """Return `english_users` with these authors."""
    ids = [f"{number:04d}" for number in numbers]
    return pads.dataset(pa.table([ids, [4] * len(ids), [4] * len(ids), [1.0] * len(ids)], schema=tables.ENGLISH_USERS))


def fit(embeddings: pads.Dataset, numbers: np.ndarray, seed: int) -> ClusteringResult:
    """Return the clusters of these authors."""
    options = ClusteringOptions((CLUSTERS,), min_cluster_size=5, seed=seed)
    return cluster_users(embeddings, users_of(numbers), options)


def earlier_of(clustering: ClusteringResult, folder: Path) -> EarlierClusters:
    """Return the clusters as `user_assignments` reads them from storage."""
    pq.write_table(clustering.centres, folder / "centres.parquet")
    return load_earlier_clusters(
        DAY, pads.dataset(clustering.clusters), pads.dataset(folder / "centres.parquet", format="parquet"), None
    )


def main() -> None:
    """Print a row for each seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newsgroups", type=Path, default=NEWSGROUPS)
    asked = parser.parse_args()
    corpus, embed = read_newsgroups(asked.newsgroups), make_embed()
    embeddings = pads.dataset(table_name_of(corpus, embed(corpus.texts)))
    planted = write_planted()
    planted_embeddings = pads.dataset(table_name_of(planted, embed(planted.texts)))
    authors = np.arange(int(corpus.authors.max()) + 1)
    main_group = np.array(
        [
            Counter(
                group for author, group in zip(corpus.authors, corpus.groups, strict=True) if author == one
            ).most_common(1)[0][0]
            for one in authors
        ]
    )
    some_groups = set(sorted(set(main_group))[::2])
    print(f"{len(authors)} authors, {len(corpus.texts):,} texts, {CLUSTERS} clusters, {HELD_OUT:.0%} held out")
    heads = ("ARI assigned", "ARI refitted", "ARI old users", "outliers", "fall", "PSI", "half: PSI", "limit")
    print("".join(f"{head:>15}" for head in (*heads, "other: outliers", "fall")))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(SEEDS):
            order = np.random.default_rng(seed).permutation(authors)
            cut = int(len(order) * HELD_OUT)
            held, old = np.sort(order[:cut]), np.sort(order[cut:])
            fitted = fit(embeddings, old, seed)
            earlier = earlier_of(fitted, Path(folder))
            assigned = assign_users(embeddings, users_of(held), earlier).table
            refitted = fit(embeddings, authors, seed).clusters["cluster_id"].to_numpy()
            drift = measure_drift(assigned, earlier)
            half = np.array([one for one in held if main_group[one] in some_groups])
            half_drift = measure_drift(assign_users(embeddings, users_of(half), earlier).table, earlier)
            other = assign_users(planted_embeddings, users_of(np.unique(planted.authors)), earlier).table
            other_drift = measure_drift(other, earlier)
            rows.append(
                [
                    adjusted_rand_score(main_group[held], assigned["cluster_id"].to_numpy()),
                    adjusted_rand_score(main_group[held], refitted[held]),
                    adjusted_rand_score(main_group[old], fitted.clusters["cluster_id"].to_numpy()),
                    drift.outlier_share,
                    drift.similarity_fall,
                    drift.population_shift,
                    half_drift.population_shift,
                    half_drift.shift_limit,
                    other_drift.outlier_share,
                    other_drift.similarity_fall,
                ]
            )
            print("".join(f"{number:15.3f}" for number in rows[-1]), flush=True)
    print("".join(f"{number:15.3f}" for number in np.mean(rows, axis=0)), "means")
    print(
        f"limits without drift: outliers {drift.outlier_limit:.3f}, fall {drift.fall_limit:.3f}, "
        f"PSI {drift.shift_limit:.3f}"
    )


if __name__ == "__main__":
    main()
