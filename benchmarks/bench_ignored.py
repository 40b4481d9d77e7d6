"""Measure how well ignored messages are estimated, in a simulation that knows what was on the screen.

    python benchmarks/bench_ignored.py [--users 400] [--seed 1]

A capture does not show what its users saw, so a window is simulated. Users of 8 personas follow accounts, mostly of
their own persona. A post is about its author's persona, or (a fifth) about another. Several times a day a user looks at
the newest posts and reposts by followed accounts within 16 hours, and at some posts by others. The user likes posts
about the own persona more often, and sometimes does not act at all. The truth is the set of posts that were on the
screen and never acted on. Follows from before the capture are not in the data. The ranking of the app is not simulated.

Precision is the share of estimated pairs of user and post that are true. Recall is the share of true pairs that are
estimated: of all pairs, and of those near the persona, which are the only ones above the threshold.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from sklearn.cluster import KMeans

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.cluster_jsonl.load import LineInputs

HOUR_US = 3_600_000_000
PERSONAS, DIMENSIONS, HOURS = 8, 32, 48
FOLLOWS, POSTS_A_DAY, LOOKS_A_DAY = 12, 3, 4
TIMELINE, DISCOVERED, TIMELINE_HOURS = 25, 5, 16
# Shares: follows from before the capture; follows within the persona; posts about another persona; looks without any
# action.
BEFORE, WITHIN, OFF_TOPIC, SILENT = 0.4, 0.7, 0.2, 0.3
LIKES_NEAR, LIKES_FAR, REPOSTS = 0.15, 0.03, 0.2


class World(NamedTuple):
    """A simulated window, and the truth that a capture does not show."""

    actions: list[dict]
    vectors: dict[str, np.ndarray]  # by URI
    personas: np.ndarray  # of each user
    passed: set[tuple[str, str]]  # pairs (user, post) that were on the screen without any action
    near: dict[int, set[str]]  # posts about each persona


def simulate(users: int, *, seed: int) -> World:
    """Simulate two days in which users write, look and act."""
    rng = np.random.default_rng(seed)
    personas = np.arange(users) % PERSONAS
    centres = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0][:PERSONAS]
    follows, actions = _follow(rng, personas)
    vectors, near = {}, defaultdict(set)
    shown = defaultdict(list)  # (time, post) by account
    written = []
    for user, day in np.argwhere(np.ones((users, 2))):
        for _ in range(rng.poisson(POSTS_A_DAY)):
            topic = personas[user] if rng.random() > OFF_TOPIC else rng.integers(PERSONAS)
            at = int((day + rng.random()) * 24 * HOUR_US)
            uri = f"at://{name(user)}/app.bsky.feed.post/{len(written)}"
            vector = centres[topic] + rng.normal(scale=0.1, size=DIMENSIONS)
            vectors[uri] = vector / np.linalg.norm(vector)
            near[int(topic)].add(uri)
            written.append((at, uri, user))
            shown[user].append((at, uri))
            actions.append({"user_id": name(user), "action": "post", "event_time_us": at, "uri": uri, "text": "words"})
    written.sort()
    seen, touched = set(), set()
    looks = [
        (int(rng.random() * HOURS * HOUR_US), user)
        for user in range(users)
        for _ in range(rng.poisson(LOOKS_A_DAY * 2))
    ]
    for number, (at, user) in enumerate(sorted(looks)):
        screen = _look(rng, at, follows[user], shown, written)
        seen |= {(name(user), uri) for uri in screen if not uri.startswith(f"at://{name(user)}/")}
        if rng.random() < SILENT:
            continue
        for step, uri in enumerate(screen):
            liked = rng.random() < (LIKES_NEAR if uri in near[int(personas[user])] else LIKES_FAR)
            if liked and not uri.startswith(f"at://{name(user)}/"):
                kind = "repost" if rng.random() < REPOSTS else "like"
                touched.add((name(user), uri))
                actions.append(_act(user, kind, at + (step + 1) * 1_000_000, f"{number}-{step}", target_uri=uri))
                if kind == "repost":
                    shown[user].append((at, uri))
    return World(actions, vectors, personas, seen - touched, near)


def name(user: int) -> str:
    """Return the id of a user."""
    return f"did:plc:{user:06d}"


def _follow(rng: np.random.Generator, personas: np.ndarray) -> tuple[list[dict[int, int]], list[dict]]:
    """Return since when each user follows whom, and the acts that the capture has."""
    follows, actions = [], []
    for user, persona in enumerate(personas):
        own, everybody = np.flatnonzero(personas == persona), np.arange(len(personas))
        chosen = {int(rng.choice(own if rng.random() < WITHIN else everybody)) for _ in range(FOLLOWS)} - {user}
        since = {}
        for account in sorted(chosen):
            is_before = rng.random() < BEFORE
            since[account] = 0 if is_before else int(rng.random() * 6 * HOUR_US)
            if not is_before:
                actions.append(_act(user, "follow", since[account], str(account), target_user_id=name(account)))
        follows.append(since)
    return follows, actions


def _look(rng: np.random.Generator, at: int, follows: dict[int, int], shown: dict, written: list) -> list[str]:
    """Return what is on the screen: the newest things shown by followed accounts, and some posts by others."""
    since = at - TIMELINE_HOURS * HOUR_US
    timeline = {
        uri: time for account, start in follows.items() for time, uri in shown[account] if max(since, start) < time < at
    }
    newest = sorted(timeline, key=timeline.get, reverse=True)[:TIMELINE]
    recent = [uri for time, uri, _ in written if since < time < at]
    return newest + ([str(uri) for uri in rng.choice(recent, DISCOVERED)] if recent else [])


def _act(user: int, action: str, at: int, key: str, **given: str) -> dict:
    collection = {"like": "feed.like", "repost": "feed.repost", "follow": "graph.follow"}[action]
    uri = f"at://{name(user)}/app.bsky.{collection}/{key}"
    return {"user_id": name(user), "action": action, "event_time_us": at, "uri": uri, **given}


def as_inputs(world: World) -> LineInputs:
    """Return the world as the asset reads it: each persona is a cluster."""
    users = [name(user) for user in range(len(world.personas))]
    posts = [row for row in world.actions if row["action"] == "post"]
    schema = tables.embeddings_schema(DIMENSIONS, pa.float32())
    flat = pa.array(np.array(list(world.vectors.values()), dtype=np.float32).ravel())
    vectors = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)
    return LineInputs(
        _dataset(
            [{"user_id": u, "cluster_id": int(p), "similarity": 1} for u, p in zip(users, world.personas, strict=True)],
            tables.CLUSTERS,
        ),
        _dataset(
            [{"user_id": u, "posts": 2, "english_posts": 2, "english_share": 1} for u in users], tables.ENGLISH_USERS
        ),
        _dataset(world.actions, tables.USER_ACTIONS),
        _dataset([{**row, "is_english": True, "language_reason": "declared"} for row in posts], tables.ENGLISH_POSTS),
        pads.dataset(pa.table([list(world.vectors), [u.split("/")[2] for u in world.vectors], vectors], schema=schema)),
    )


def _dataset(rows: list[dict], schema: pa.Schema) -> pads.Dataset:
    return pads.dataset(pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in rows], schema=schema))


# --- estimators: pairs of user and post


def ours(world: World, candidates: str, threshold: float) -> set[tuple[str, str]]:
    """Return the pairs that the asset estimates."""
    with tempfile.TemporaryDirectory() as scratch:
        made = build_lines(
            as_inputs(world),
            ignored=IgnoredOptions(candidates, threshold, 1000, seed=0),
            max_thread_messages=64,
            line_format="arrays",
            memory_limit="1GB",
            scratch=Path(scratch),
        )
        evidence = pq.read_table(made.ignored_evidence)
        made.lines.close()
    return set(zip(evidence["user_id"].to_pylist(), evidence["uri"].to_pylist(), strict=True))


def reference(world: World, threshold: float) -> set[tuple[str, str]]:
    """Return BluePrint's estimate: any post that nobody of the cluster liked or reposted, by any user of it."""
    rng = np.random.default_rng(0)
    found = set()
    for cluster in range(PERSONAS):
        users = {name(user) for user in np.flatnonzero(world.personas == cluster)}
        touched = [row for row in world.actions if row["user_id"] in users and row.get("target_uri")]
        followed = [
            row["target_user_id"] for row in world.actions if row["user_id"] in users and "target_user_id" in row
        ]
        weighted = [(row["target_uri"], 3.0) for row in touched]
        weighted += [(u, 1 + 0.5 * followed.count(a)) for u in world.vectors if (a := u.split("/")[2]) in set(followed)]
        vectors = np.array([world.vectors[uri] for uri, _ in weighted])
        weights = np.array([weight for _, weight in weighted])
        labels = KMeans(min(10, len(vectors) // 20 + 1), n_init=1, random_state=42).fit_predict(vectors)
        centres = np.array(
            [np.average(vectors[labels == c], axis=0, weights=weights[labels == c]) for c in np.unique(labels)]
        )
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        rest = sorted(set(world.vectors) - {row["target_uri"] for row in touched})
        close = (np.array([world.vectors[uri] for uri in rest]) @ centres.T).max(axis=1) > threshold
        found |= {(str(rng.choice(sorted(users))), uri) for uri, is_close in zip(rest, close, strict=True) if is_close}
    return found


def score(world: World, found: set[tuple[str, str]]) -> dict[str, object]:
    """Return precision and recall of estimated pairs."""
    persona = {name(user): int(persona) for user, persona in enumerate(world.personas)}
    near = {pair for pair in world.passed if pair[1] in world.near[persona[pair[0]]]}
    own = sum(uri.startswith(f"at://{user}/") for user, uri in found)
    acted_on = {(row["user_id"], row["target_uri"]) for row in world.actions if row.get("target_uri")}
    right = found & world.passed
    return {
        "lines": len(found),
        "precision": round(len(right) / max(1, len(found)), 3),
        "recall": round(len(right) / len(world.passed), 3),
        "recall_near": round(len(found & near) / len(near), 3),
        "own_posts": own,
        "acted_on": len(found & acted_on),
    }


def main() -> None:
    """Print precision and recall of each estimator and threshold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    world = simulate(given.users, seed=given.seed)
    print(json.dumps({"posts": len(world.vectors), "actions": len(world.actions), "let_pass": len(world.passed)}))
    rows = []
    for threshold in (-1.0, 0.7):
        estimates = {
            "follows": ours(world, "follows", threshold),
            "cluster": ours(world, "cluster", threshold),
            "reference": reference(world, threshold),
        }
        rows += [{"estimator": n, "threshold": threshold, **score(world, found)} for n, found in estimates.items()]
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
