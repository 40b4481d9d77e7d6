"""Process a capture day by the functions of the assets up to `cluster_jsonl`, with all kept users in one cluster.

Neither a model nor Dagster is needed.
"""

import datetime as dt
import json
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files

DAY = dt.date(2025, 3, 1)
MEMORY = "1GB"


class ProcessedDay(NamedTuple):
    """The results of a day: tables as lists of rows, and numbers of dropped items by reason."""

    raw_events: list[dict]
    rejected_lines: list[dict]
    user_actions: list[dict]
    duplicates: int  # events
    no_action: dict[str, int]  # events
    english_posts: list[dict]
    dropped_posts: dict[str, int]
    english_users: list[dict]
    dropped_users: dict[str, int]
    lines: list[list[dict]]
    accounting: list[dict]


def process_day(capture, new_folder):
    """Process `DAY` of a capture; `new_folder(name)` makes folders for temporary files."""
    files = find_files(UPath(capture), DAY, pattern=None)
    parsed = parse_files(files, day=DAY, workers=1, scratch=new_folder("raw"))
    raw_events = pads.dataset(parsed.raw_events)
    extracted = extract_distinct_actions(raw_events, memory_limit=MEMORY, scratch=new_folder("actions"))
    actions = pads.dataset(extracted.user_actions)
    filtered = filter_posts(
        actions,
        "en",
        scratch=new_folder("english"),
        memory_limit=MEMORY,
    )
    posts = pads.dataset(filtered.posts)
    selected = select_english_users(
        posts, actions, min_english_posts=2, memory_limit=MEMORY, scratch=new_folder("users")
    )
    made = build_lines(
        LineInputs(
            _put_in_one_cluster(selected.users), pads.dataset(selected.users), actions, posts, embeddings=None
        ),  # needed only for ignored messages
        ignored=None,
        max_thread_messages=64,
        line_format="arrays",
        memory_limit=MEMORY,
        scratch=new_folder("lines"),
    )
    return ProcessedDay(
        raw_events.to_table().to_pylist(),
        pq.read_table(parsed.rejected_lines).to_pylist(),
        actions.to_table().to_pylist(),
        extracted.duplicates,
        dict(extracted.no_action),
        posts.to_table().to_pylist(),
        filtered.dropped,
        selected.users.to_pylist(),
        selected.dropped,
        [json.loads(line) for _, lines, _ in made.lines for line in bytes(lines).split(b"\n")[:-1]],
        made.accounting.to_pylist(),
    )


def is_conversation(line):
    return not any("actions" in message for message in line)


def _put_in_one_cluster(users):
    number = len(users)
    columns = [users["user_id"], pa.array([0] * number, pa.int32()), pa.array([1.0] * number, pa.float32())]
    return pads.dataset(pa.table(columns, schema=tables.CLUSTERS))
