"""Builders of small inputs for the tests of `cluster_stats`."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS

TALK = {
    "gardens": "tomato seedlings compost pruning roses mulch greenhouse",
    "engines": "piston gearbox turbo camshaft exhaust torque dyno",
    "opera": "soprano aria libretto overture tenor baritone encore",
}


def window(*, users=8, posts=4, seed=0):
    """Return tables of posts, vectors and clusters: users who each write about one topic, largest cluster first."""
    rng = np.random.default_rng(seed)
    written = [
        (f"did:plc:{topic}{user}", cluster, " ".join(rng.choice(words.split(), 3, replace=False)))
        for cluster, (topic, words) in enumerate(TALK.items())
        for user in range(users - cluster)
        for _ in range(posts)
    ]
    uris = [f"at://{user}/app.bsky.feed.post/{number}" for number, (user, _, _) in enumerate(written)]
    ids, clusters, texts = (list(column) for column in zip(*written, strict=True))
    vectors = np.eye(8)[clusters] + 0.1 * rng.normal(size=(len(ids), 8))
    return (
        posts_of(uris, ids, texts),
        vectors_of(uris, ids, vectors),
        clusters_of(dict(zip(ids, clusters, strict=True))),
    )


def posts_of(uris, user_ids, texts):
    n = len(uris)
    action, reason = pa.array(["post"] * n).cast(tables.CLOSED_SET), pa.array(["declared"] * n).cast(tables.OPEN_SET)
    columns = [uris, user_ids, action, texts, list(range(n)), [True] * n, reason]
    return pa.table(columns, schema=tables.ENGLISH_POSTS)


def vectors_of(uris, user_ids, vectors):
    vectors = np.asarray(vectors, np.float64)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    schema = tables.embeddings_schema(unit.shape[1], pa.float32())
    column = pa.FixedSizeListArray.from_arrays(pa.array(unit.ravel()), type=schema.field("vector").type)
    return pa.table([uris, user_ids, column], schema=schema)


def clusters_of(cluster_of_user):
    users = sorted(cluster_of_user)
    columns = [users, [cluster_of_user[user] for user in users], [1.0] * len(users)]
    return pa.table(columns, schema=tables.CLUSTERS)


def accounting_of(*rows):
    """Return `tables.ACTION_ACCOUNTING` with rows (cluster_id, action, outcome, actions)."""
    return _table(tables.ACTION_ACCOUNTING, rows)


def by_hour_of(*rows):
    """Return `tables.ACTIONS_BY_HOUR` with rows (cluster_id, action, hour, actions)."""
    return _table(tables.ACTIONS_BY_HOUR, rows)


def per_user_of(*rows):
    """Return `tables.ACTIONS_PER_USER` with rows (cluster_id, action, median)."""
    return _table(tables.ACTIONS_PER_USER, rows)


def side_tables(*, accounting=((0, "post", "written", 9), (None, "like", "user in no cluster", 2))):
    """Return the side tables of `cluster_jsonl`, in the order of the fields of `ReportInputs`."""
    by_hour = by_hour_of((0, "post", 7, 6), (0, "post", 20, 3), (1, "like", 7, 1))
    return accounting_of(*accounting), by_hour, per_user_of((0, "post", 1.5), (0, "total", 2))


def _table(schema, rows):
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


def shuffled(table, seed):
    return table.take(np.random.default_rng(seed).permutation(len(table)))


def dataset(*days):
    """Return a lazy dataset of the tables of one or more days."""
    return pads.dataset(days[0]) if len(days) == 1 else pads.dataset([pads.dataset(day) for day in days])


def labels_of(rows_of_days):
    """Return `PERSONA_LABELS` from rows (cluster_id, persona_id, name, users) by day."""
    rows = [
        {
            "day": day, "cluster_id": cluster, "persona_id": persona, "name": name, "description": f"About {name}.",
            "phrases": [name], "named_on": dt.date(2025, 3, 1), "method": "phrases", "users": users,
        }
        for day, of_day in rows_of_days.items() for cluster, persona, name, users in of_day
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=PERSONA_LABELS)


def lineage_of(rows):
    """Return `tables.LINEAGE` from rows (day, persona_id, event, cluster_id, users, related, previous_day)."""
    names = ("day", "persona_id", "event", "cluster_id", "users", "related_persona_id", "previous_day")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=tables.LINEAGE)


def certainty_of(clusters, levels=lambda cluster: [cluster]):
    """Return the columns of `cluster_certainty` that the report reads; `levels` gives the path of each cluster."""
    columns = [clusters["user_id"], pa.array([levels(one) for one in clusters["cluster_id"].to_pylist()])]
    return pa.table(columns, names=["user_id", "levels"])
