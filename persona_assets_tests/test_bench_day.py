"""`benchmarks/bench_day.py` makes days that the graph reads as it reads a capture."""

import datetime as dt
import importlib.util
import os
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.capture.files import find_files

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_day", ROOT / "benchmarks/bench_day.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "bench_day", module)  # its dataclass looks it up
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SEED_USERS", 100)
    return module


def test_a_day_is_made_of_copies_with_users_records_times_and_words_of_their_own(bench, tmp_path):
    made = bench.make_capture(tmp_path, 9_000)

    files = find_files(UPath(tmp_path / "capture"), bench.DAY, pattern=None)
    (tmp_path / "scratch").mkdir()
    parsed = parse_files(files, day=bench.DAY, workers=1, scratch=tmp_path / "scratch")
    events = pq.read_table(parsed.raw_events)
    assert sum(file.size for file in files) == made["bytes"]
    assert abs(len(events) - 9_000) < 1_500
    assert made["events"] == parsed.counts.lines == len(events) + parsed.counts.rejected.total()
    assert parsed.counts.rejected.total() < 0.01 * made["events"]
    assert parsed.counts.out_of_order == parsed.counts.outside_day == 0
    copies = made["events"] / sum(file.lines for file in bench.read_seed(tmp_path))
    users = len(pc.unique(events["user_id"]))
    assert 90 * copies / bench.COPIES_PER_USER < users < 130 * (copies + 1) / bench.COPIES_PER_USER
    posts = events.filter(pc.and_(pc.equal(events["operation"], "create"), pc.is_valid(events["text"])))
    posts = posts.filter(pc.not_equal(posts["rkey"], "self"))  # not profiles
    assert len(pc.unique(posts["rkey"])) > 0.9 * len(posts)
    assert len(pc.unique(posts["text"])) > 0.5 * len(posts)


def test_copies_react_to_posts_of_their_own_day(bench, tmp_path):
    bench.make_capture(tmp_path, 9_000)
    files = find_files(UPath(tmp_path / "capture"), bench.DAY, pattern=None)
    (tmp_path / "scratch").mkdir()
    parsed = parse_files(files, day=bench.DAY, workers=1, scratch=tmp_path / "scratch")

    events = pads.dataset(parsed.raw_events).to_table(columns=["user_id", "rkey", "subject_uri", "text"])
    posts = events.filter(pc.is_valid(events["text"]))
    uris = pc.binary_join_element_wise("at:/", posts["user_id"], "app.bsky.feed.post", posts["rkey"], "/")
    subjects = events["subject_uri"].drop_null()
    assert pc.mean(pc.cast(pc.is_in(subjects, value_set=uris.combine_chunks()), "float64")).as_py() > 0.4


def test_scratch_counts_deleted_files_that_are_open(bench, tmp_path):
    with (tmp_path / "gone").open("wb") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        (tmp_path / "gone").unlink()
        assert bench.measure_scratch([os.getpid()], tmp_path) >= 1_000_000
    assert bench.measure_scratch([os.getpid()], tmp_path) == 0


def test_users_of_several_days_are_the_same_and_write_other_texts(bench, tmp_path):
    made = bench.make_capture(tmp_path, 9_000, days=2)

    users, keys, lines = [], [], 0
    for number in range(2):
        day = bench.DAY + dt.timedelta(number)
        files = find_files(UPath(tmp_path / "capture"), day, pattern=None)
        (tmp_path / str(day)).mkdir()
        parsed = parse_files(files, day=day, workers=1, scratch=tmp_path / str(day))
        assert parsed.counts.outside_day == 0
        lines += parsed.counts.lines
        events = pq.read_table(parsed.raw_events, columns=["user_id", "rkey", "text"])
        users.append(set(events["user_id"].to_pylist()))
        posts = events.filter(pc.and_(pc.is_valid(events["text"]), pc.not_equal(events["rkey"], "self")))
        keys.append(set(posts["rkey"].to_pylist()))
    assert made["events"] == lines
    assert users[0] == users[1]
    assert len(keys[0] & keys[1]) < 0.01 * len(keys[0])
