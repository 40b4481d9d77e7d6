"""Small inputs for the tests of `user_assignments`: a fit of planted groups, and users of later days."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.clusters.build import ClusteringOptions, cluster_users
from persona_assets.assets.user_assignments.nearest_personas import load_earlier_clusters
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, planted, unit, users_of

FIT_DAY = dt.date(2025, 3, 1)
SIZES = (60, 40, 20)


def draw_users(sizes, *, seed, noise=0.15):
    """Return ids, vectors and groups of users around the centres of `planted(SIZES)`."""
    rng = np.random.default_rng(3)
    centres = unit(rng.normal(size=(len(SIZES), 16)))
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    vectors = unit(centres[groups] + noise * rng.normal(size=(len(groups), 16)))
    return [f"new{seed}-{number:03d}" for number in range(len(groups))], vectors, groups


def vectors_of_fit():
    """Return ids, sorted, and vectors of the users of `planted(SIZES)`."""
    vectors, _ = planted(list(SIZES))
    return [f"old{number:03d}" for number in range(len(vectors))], vectors


def fit(**options):
    """Cluster the users of `planted(SIZES)`."""
    ids, vectors = vectors_of_fit()
    posts = dataset(embeddings_of(list(zip(ids, vectors, strict=True))))
    return cluster_users(posts, dataset(users_of(ids)), ClusteringOptions((3,), 5, seed=0, **options))


def earlier_of(clustering, folder, *, lineage=None, model=None):
    """Return the clusters as read from the stored tables of `FIT_DAY`."""
    centres = clustering.centres.replace_schema_metadata(
        tables.add_vector_model(clustering.centres.schema, model).metadata
    )
    file = folder / f"{FIT_DAY}.parquet"
    pq.write_table(centres, file)
    return load_earlier_clusters(FIT_DAY, dataset(clustering.clusters), pads.dataset(file, format="parquet"), lineage)


def lineage_of(personas, sizes=SIZES):
    """`lineage` of `FIT_DAY`, with the persona of each cluster, and a persona that ended."""
    rows = [
        {"day": FIT_DAY, "persona_id": persona, "event": "born", "cluster_id": cluster, "users": size}
        for cluster, (persona, size) in enumerate(zip(personas, sizes, strict=True))
    ]
    gone = {"day": FIT_DAY, "persona_id": 99, "event": "gone", "cluster_id": None, "users": 0}
    return dataset(pa.Table.from_pylist([*rows, gone], schema=tables.LINEAGE))


def posts_of(ids, vectors):
    return dataset(embeddings_of(list(zip(ids, vectors, strict=True))))
