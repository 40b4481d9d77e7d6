import numpy as np
import pyarrow as pa
import pytest
from sklearn.model_selection import train_test_split

from persona_assets.assets.dataset.leaks import Leaks, SharedCounts, describe_leaks, find_leaks
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.splits import split_lines
from persona_assets_tests.assets.dataset.line_builders import HOUR_US, Line, batches, connected_lines, line_table
from persona_assets_tests.assets.dataset.test_splits import find_shared


@pytest.fixture
def scan(tmp_path):
    def run(table: pa.Table, splits: pa.Table) -> Leaks:
        return find_leaks(batches(table), splits, min_words=5, memory_limit="500MB", scratch=tmp_path)

    return run


def split_at_random(n_lines: int) -> pa.Table:
    """Split lines as BluePrint does (finetuning.py): a tenth of them for test, drawn line by line."""
    train, test = train_test_split(np.arange(n_lines), test_size=0.1, random_state=42)
    return pa.table({"line_id": np.concatenate([train, test]), "split": ["train"] * len(train) + ["test"] * len(test)})


def test_a_random_split_of_lines_leaks_and_ours_does_not(scan) -> None:
    table = connected_lines(4000)

    at_random, ours = scan(table, split_at_random(4000)), scan(table, split_lines(batches(table), SplitOptions()).lines)

    assert len(describe_leaks(at_random, in_time_order=True)) == 4
    assert at_random.users.shared > 0.5 * at_random.users.distinct
    assert describe_leaks(ours, in_time_order=False) == []


@pytest.mark.parametrize("seed", range(3))
def test_the_scan_agrees_with_python_sets(scan, seed) -> None:
    table = connected_lines(1000, seed=seed)
    splits = split_at_random(1000)

    leaks = scan(table, splits)

    in_order = splits.sort_by("line_id")["split"].to_pandas()
    for found, column in ((leaks.users, "users"), (leaks.threads, "threads"), (leaks.texts, "texts")):
        assert found.shared == len(find_shared(table, in_order, column))
    assert leaks.users.distinct == len({one for users in table["users"].to_pylist() for one in users})


def test_lines_without_a_split_and_short_texts_are_not_looked_at(scan) -> None:
    lines = [Line(["ann"], [], ["Good morning!"]), Line(["bob"], [], ["good morning"]), Line(["ann", "bob"])]
    splits = pa.table({"line_id": [0, 1], "split": ["train", "test"]})

    leaks = scan(line_table(lines), splits)

    assert leaks.users == SharedCounts(2, 0)
    assert leaks.texts == SharedCounts(0, 0)


def test_texts_that_differ_in_case_and_punctuation_are_shared(scan) -> None:
    lines = [Line([], [], ["One two three, four FIVE"]), Line([], [], ["one two three four five!"])]
    splits = pa.table({"line_id": [0, 1], "split": ["train", "validation"]})

    assert scan(line_table(lines), splits).texts == SharedCounts(1, 1)


def test_times_are_compared_with_the_gap(scan) -> None:
    lines = [Line(first_hour=0, hours=2), Line(["bob"], first_hour=5)]
    splits = pa.table({"line_id": [0, 1], "split": ["train", "test"]})

    leaks = scan(line_table(lines), splits)

    assert (leaks.last_time_us["train"], leaks.first_time_us["test"]) == (2 * HOUR_US, 5 * HOUR_US)
    assert describe_leaks(leaks, in_time_order=True, gap_hours=3) == []
    assert describe_leaks(leaks, in_time_order=True, gap_hours=3.5) == [
        "test begins 3.00 hours after train ends; at least 3.5 are asked"
    ]


def test_users_of_several_splits_are_allowed_where_they_are_not_held_out() -> None:
    leaks = Leaks(SharedCounts(3, 2), SharedCounts(1, 0), SharedCounts(1, 0), {}, {})

    assert describe_leaks(leaks, in_time_order=False) == ["2 users are in more than one split"]
    assert describe_leaks(leaks, in_time_order=False, hold_out_users=False) == []


def test_no_lines_have_no_leaks(scan) -> None:
    empty = split_lines([], SplitOptions())

    assert empty.read == 0
    assert describe_leaks(scan(line_table([]), empty.lines), in_time_order=True) == []
