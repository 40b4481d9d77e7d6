"""A day with a stranger in it who was made to be taken for somebody else: from the capture to the lines."""

import datetime as dt
import json

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import Inputs
from persona_assets.assets.english_posts.detect import build_language_decider
from persona_assets.assets.english_posts.filter import filter_posts
from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files

MEMORY = "1GB"


def build_day(capture, new_folder):
    """The lines and the account of one cluster of all kept users."""
    date = dt.date(2025, 3, 1)
    files = find_files(UPath(capture), date, pattern=None)
    parsed = parse_files(files, day=date, workers=1, scratch=new_folder("raw"), on_progress=lambda _: None)
    raw_events = pads.dataset(parsed.raw_events)
    extract = extract_distinct_actions(raw_events, memory_limit=MEMORY, scratch=new_folder("actions"))
    actions = pads.dataset(extract.user_actions)
    filtered = filter_posts(
        actions,
        build_language_decider("en"),
        scratch=new_folder("english"),
        memory_limit=MEMORY,
        on_progress=lambda _: None,
    )
    posts = pads.dataset(filtered.posts)
    users = select_english_users(
        posts, actions, min_english_posts=2, memory_limit=MEMORY, scratch=new_folder("users")
    ).users
    columns = [users["user_id"], pa.repeat(pa.scalar(0, pa.int32()), len(users)), pa.repeat(pa.scalar(1.0), len(users))]
    clusters = pa.table(columns, names=tables.CLUSTERS.names).cast(tables.CLUSTERS)
    return build_lines(
        Inputs(pads.dataset(clusters), pads.dataset(users), actions, posts, embeddings=None),
        ignored=None,
        max_thread_messages=64,
        line_format="arrays",
        memory_limit=MEMORY,
        scratch=new_folder("lines"),
    )


@pytest.mark.shared_data
def test_the_likes_of_a_stranger_with_a_victims_hash_are_not_the_victims(shared_data, tmp_path_factory):
    capture = shared_data / "faults" / "colliding_likes"
    truth = json.loads((capture / "truth.json").read_text(encoding="utf-8"))

    made = build_day(capture, tmp_path_factory.mktemp)
    likers = [
        line[-1]["user_id"]
        for _, lines, _ in made.lines
        for line in map(json.loads, bytes(lines).split(b"\n")[:-1])
        if line[-1].get("actions", {}).get("like")
    ]

    assert likers.count(truth["victim"]) == truth["victims_own_likes"]
    assert truth["stranger"] not in likers
