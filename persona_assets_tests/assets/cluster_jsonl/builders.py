"""Builders of small windows for the tests of `cluster_jsonl`: messages, other actions, and the inputs of the step."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import LineInputs

COLLECTIONS = {
    "like": "app.bsky.feed.like",
    "repost": "app.bsky.feed.repost",
    "follow": "app.bsky.graph.follow",
    "block": "app.bsky.graph.block",
    "profile_update": "app.bsky.actor.profile",
}


def uri_of(user, key, action="post"):
    return f"at://{user}/{COLLECTIONS.get(action.removeprefix('un'), 'app.bsky.feed.post')}/{key}"


def message(  # noqa: PLR0913 - each test names only what matters to it
    user, key, at, text="words", *, answers=None, quotes=None, english=True
):
    """Return a row of `user_actions` for a post, a reply (`answers` a URI) or a quote (`quotes` a URI).

    `english` decides whether it is in `english_posts` too, `key` is its record key, and `at` its time.
    """
    action = "quote" if quotes else "reply" if answers else "post"
    return {
        "user_id": user,
        "action": action,
        "event_time_us": at,
        "uri": uri_of(user, key),
        "text": text,
        "parent_uri": answers,
        "quoted_uri": quotes,
        "target_uri": quotes or answers,
        "english": english,
    }


def act(  # noqa: PLR0913 - each test names only what matters to it
    user, action, at, *, key="k", on=None, toward=None, text=None
):
    """Return a row of `user_actions` for any other action, on the record `on` or the account `toward`.

    `key` is the key of the record that the action creates or undoes.
    """
    uri = None if action == "account_status" else uri_of(user, key, action)
    return {
        "user_id": user,
        "action": action,
        "event_time_us": at,
        "uri": uri,
        "text": text,
        "target_uri": on,
        "target_user_id": toward,
    }


def inputs(rows, clusters, *, vectors=None, kept=None):
    """Return the inputs of the step: `clusters` maps users to clusters, `vectors` maps URIs to vectors.

    `kept` are the users of `english_users`, by default those of `clusters`.
    """
    english = [row for row in rows if row.get("english") and (row["text"] or "").strip()]
    users = sorted(kept or clusters)
    return LineInputs(
        clusters=_dataset(
            [{"user_id": user, "cluster_id": cluster, "similarity": 1.0} for user, cluster in clusters.items()],
            tables.CLUSTERS,
        ),
        english_users=_dataset(
            [{"user_id": user, "posts": 2, "english_posts": 2, "english_share": 1.0} for user in users],
            tables.ENGLISH_USERS,
        ),
        user_actions=_dataset(rows, tables.USER_ACTIONS),
        english_posts=_dataset(
            [{**row, "is_english": True, "language_reason": "declared"} for row in english], tables.ENGLISH_POSTS
        ),
        embeddings=_embeddings(vectors or {"at://nobody/app.bsky.feed.post/0": [1, 0]}),
    )


def build(  # noqa: PLR0913 - each test names only what matters to it
    line_inputs,
    scratch,
    *,
    ignored=None,
    max_thread_messages=64,
    line_format="arrays",
    lines_without_text=True,
    memory_limit="1GB",
):
    return build_lines(
        line_inputs,
        ignored=ignored,
        max_thread_messages=max_thread_messages,
        line_format=line_format,
        lines_without_text=lines_without_text,
        memory_limit=memory_limit,
        scratch=Path(tempfile.mkdtemp(dir=scratch)),
    )


def lines_of(made):
    """Return the parsed lines by cluster."""
    found = {}
    for cluster, lines, number in made.lines:
        ended = bytes(lines).split(b"\n")
        assert len(ended) == number + 1
        assert ended.pop() == b""
        found.setdefault(cluster, []).extend(map(json.loads, ended))
    return found


def accounted(made):
    """Return the number of actions by (cluster, action, outcome)."""
    return {(row["cluster_id"], row["action"], row["outcome"]): row["actions"] for row in made.accounting.to_pylist()}


def is_conversation(line):
    return not any("actions" in message for message in line)


def act_of(line):
    """Return the name of the action in an action line."""
    (name,) = [key for key, is_set in line[-1]["actions"].items() if is_set]
    return name


def _dataset(rows, schema):
    return pads.dataset(pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in rows], schema=schema))


def _embeddings(vectors):
    width = len(next(iter(vectors.values())))
    schema = tables.embeddings_schema(width)
    matrix = np.array(list(vectors.values()), dtype=np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    flat = pa.array(matrix.astype(np.float16).ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)
    return pads.dataset(pa.table([list(vectors), [uri.split("/")[2] for uri in vectors], column], schema=schema))
