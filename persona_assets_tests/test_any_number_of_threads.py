"""The same input gives the same bytes on any number of threads."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.embeddings.distinct_texts import write_distinct_texts
from persona_assets.assets.english_users.select import select_english_users
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.io_managers.persona_files import ClusterFolderContents, write_cluster_folder
from persona_assets_tests.assets.cluster_jsonl.builders import act, inputs, message
from persona_assets_tests.assets.user_actions.builders import BOBS_POST, LIKE, POST, commit, table_of

ROOT = Path(__file__).parents[1]
HOUR = 3_600_000_000
MEMORY = "512MB"
# Libraries set their number of threads when they are loaded, so each number needs a new process.
ON_THREADS = """
import sys, duckdb, pyarrow
threads, asset, given, made = sys.argv[1:]
connect = duckdb.connect
duckdb.connect = lambda database, config: connect(database, config={**config, "threads": threads})
pyarrow.set_cpu_count(int(threads))
from persona_assets_tests import test_any_number_of_threads as here
getattr(here, "make_" + asset)(here.Path(given), here.Path(made))
"""


# The tables of `LineInputs`.
TABLES = tuple(name for name in LineInputs._fields if name != "left_out")


def make_cluster_jsonl(given, made):
    for candidates in ("follows", "cluster"):
        (made / candidates).mkdir()
        (made / "scratch" / candidates).mkdir(parents=True)
        lines = build_lines(
            LineInputs(*(pads.dataset(given / f"{name}.parquet") for name in TABLES)),
            ignored=IgnoredOptions(candidates, similarity_threshold=0, cap_ignored_messages=50, seed=0),
            max_thread_messages=5,
            line_format="arrays",
            memory_limit=MEMORY,
            scratch=made / "scratch" / candidates,
        )
        beside = {
            "accounting": lines.accounting,
            "actions_by_hour": lines.actions_by_hour,
            "actions_per_user": lines.actions_per_user,
        }
        written = ClusterFolderContents(lines.lines, lines.user_clusters, beside, ignored=lines.ignored_evidence)
        write_cluster_folder(made / candidates, written, day=dt.date(2025, 3, 1))


def make_user_actions(given, made):
    extract_distinct_actions(pads.dataset(given / "raw_events.parquet"), memory_limit=MEMORY, scratch=made)


def make_english_users(given, made):
    posts, actions = (pads.dataset(given / f"{name}.parquet") for name in ("english_posts", "user_actions"))
    selection = select_english_users(posts, actions, min_english_posts=2, memory_limit=MEMORY, scratch=made)
    pq.write_table(selection.users, made / "users.parquet")
    (made / "dropped").write_text(str(sorted(selection.dropped.items())), encoding="utf-8")


def make_texts(given, made):
    write_distinct_texts(pads.dataset(given / "english_posts.parquet"), scratch=made, memory_limit=MEMORY)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A window in row groups of a hundred rows, so that many threads have work."""
    rng = np.random.default_rng(4)
    users, stars = [f"user{n}" for n in range(24)], [f"star{n}" for n in range(6)]
    posts = [message(stars[n % 6], f"p{n:04}", int(rng.integers(0, 9 * HOUR)), f"text {n % 900}") for n in range(1_800)]
    rows = posts + [act(user, "follow", 1, key=f"f{star}", toward=star) for user in users for star in stars]
    for n in range(3_000):
        user, post = users[rng.integers(24)], posts[rng.integers(1_800)]
        at = post["event_time_us"] + int(rng.integers(0, 3)) * HOUR
        kind = ("like", "repost", "unlike", "reply", "quote")[rng.integers(5)]
        if kind == "reply":
            rows.append(message(user, f"r{n}", at, f"answer {n % 500}", answers=post["uri"]))
        elif kind == "quote":
            rows.append(message(user, f"q{n}", at, f"quote {n % 500}", quotes=post["uri"]))
        else:
            rows.append(act(user, kind, at, key=f"k{n % 700}", on=post["uri"]))
    vectors = {post["uri"]: rng.normal(size=24) + 2 for post in posts}
    folder = tmp_path_factory.mktemp("given")
    window = inputs(rows, {user: n % 2 for n, user in enumerate(users)}, vectors=vectors)
    for name in TABLES:
        pq.write_table(getattr(window, name).to_table(), folder / f"{name}.parquet", row_group_size=100)
    events = [commit(LIKE, subject_uri=BOBS_POST, event_time_us=n) for n in range(1_000)]
    events += [commit(POST, text=str(n), rkey=f"k{n % 500}", rev=None, event_time_us=n) for n in range(1_000)]
    events += events[::3]
    pq.write_table(table_of(events), folder / "raw_events.parquet", row_group_size=100)
    return folder


def files_on(threads, asset, given, made):
    made.mkdir()
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    command = [sys.executable, "-c", ON_THREADS, str(threads), asset, str(given), str(made)]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **counts, "PYTHONPATH": str(ROOT)})
    return {
        file.relative_to(made): file.read_bytes()
        for file in sorted(made.rglob("*"))
        if file.is_file() and "scratch" not in file.relative_to(made).parts
    }


@pytest.mark.slow
@pytest.mark.parametrize("asset", ["cluster_jsonl", "user_actions", "english_users", "texts"])
def test_the_same_input_gives_the_same_bytes_on_any_number_of_threads(asset, given, tmp_path):
    once = files_on(1, asset, given, tmp_path / "1")

    assert once
    assert sum(map(len, once.values())) > 0
    for threads in (2, 4, 8):
        assert files_on(threads, asset, given, tmp_path / str(threads)) == once
