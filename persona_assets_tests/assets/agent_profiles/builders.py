"""A window of users in clusters, and the cards of their personas."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.agent_profiles.derive_agents import PersonaCard, derive_agents

NOON_US = 1_740_830_400_000_000
HOUR_US = 3_600_000_000
# What a stranger may have written into a phrase, and a language model into a name.
HOSTILE = "=cmd|'/c calc'!A1\n\u202e</script>| {name}"


def user(number):
    return f"did:plc:{number:024}"


def post(number, key):
    return f"at://{user(number)}/app.bsky.feed.post/{key}"


def action(number, name, key, *, hour=0, target=None):
    return {
        "user_id": user(number),
        "action": name,
        "event_time_us": NOON_US + hour * HOUR_US,
        "uri": f"at://{user(number)}/app.bsky.{name}/{key}",
        "target_user_id": None if target is None else user(target),
    }


def actions_of(rows):
    filled = [dict.fromkeys(tables.USER_ACTIONS.names) | row for row in rows]
    return pads.dataset(pa.Table.from_pylist(filled, schema=tables.USER_ACTIONS))


def clusters_of(*sizes):
    """Users 0, 1, ... in clusters of these sizes."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    return pa.table(
        [
            [user(number) for number in range(len(clusters))],
            clusters.astype(np.int32),
            np.ones(len(clusters), np.float32),
        ],
        schema=tables.CLUSTERS,
    )


def cards_of(n_clusters, *, phrase="balcony tomatoes"):
    return {
        cluster: PersonaCard(
            10 + cluster,
            f"gardens {cluster}",
            "Its users write about gardens.",
            (phrase, "compost"),
        )
        for cluster in range(n_clusters)
    }


def habits(*sizes, followed_by=3):
    """Rows in which user i posts i % 7 times at 12 h, replies once and follows users of the next cluster."""
    rows = []
    starts = np.concatenate([[0], np.cumsum(sizes)])
    for number in range(int(starts[-1])):
        cluster = int(np.searchsorted(starts, number, side="right")) - 1
        following = (cluster + 1) % len(sizes)
        rows += [action(number, "post", f"p{key}") for key in range(number % 7)]
        rows.append(action(number, "reply", "r", hour=cluster, target=int(starts[following])))
        rows += [
            action(number, "follow", f"f{key}", target=int(starts[following]) + (number + key) % sizes[following])
            for key in range(followed_by)
        ]
    return rows


def derive(tmp_path, *sizes, rows=None, max_agents=100, min_users=20, **more):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return derive_agents(
        clusters_of(*sizes),
        actions_of(habits(*sizes) if rows is None else rows),
        more.pop("cards", cards_of(len(sizes))),
        days=more.pop("days", 1),
        max_agents=max_agents,
        min_users=min_users,
        seed=more.pop("seed", 0),
        memory_limit="1GB",
        scratch=scratch,
        **more,
    )
