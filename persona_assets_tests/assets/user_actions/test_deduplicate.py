import numpy as np
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.user_actions.deduplicate import find_duplicate_rows
from persona_assets_tests.assets.user_actions.builders import LIKE, POST, commit, table_of
from persona_assets_tests.hash_twins import twin_keys


@pytest.fixture(params=["no file", "one file", "two files"])
def find(request, tmp_path):
    """A function that finds duplicates among events, for each kind of storage: memory, one file, two files."""
    scratch, day = tmp_path / "scratch", tmp_path / "day"
    scratch.mkdir()
    day.mkdir()

    def find(events):
        table = table_of(events)
        if request.param == "no file":
            return find_duplicate_rows(pads.dataset(table), memory_limit="256MB", scratch=scratch)
        half = len(table) if request.param == "one file" else len(table) // 2
        for name, part in {"a": table.slice(0, half), "b": table.slice(half)}.items():
            if name == "a" or request.param == "two files":
                pq.write_table(part, day / f"{name}.parquet", row_group_size=2)
        return find_duplicate_rows(pads.dataset(day), memory_limit="256MB", scratch=scratch)

    return find


def test_all_duplicates_but_the_first_are_found_by_row_number(find):
    one, other = commit(LIKE), commit(LIKE)

    found = find([one, other, one | {"event_time_us": 9}, commit(LIKE), one, other])

    assert found.tolist() == [2, 4, 5]
    assert found.dtype == np.int64


def test_distinct_events_are_not_duplicates(find):
    assert find([commit(LIKE) for _ in range(5)]).tolist() == []


def test_no_events_have_no_duplicates(find):
    assert find([]).tolist() == []


@pytest.mark.parametrize("column", ["user_id", "rkey", "rev"])
def test_distinct_events_with_equal_hashes_are_not_duplicates(find, column):
    like = commit(LIKE)

    assert find([like | {column: twin} for twin in twin_keys()]).tolist() == []


def test_a_duplicate_is_found_beside_another_event_with_the_same_hash(find):
    one, other = (commit(LIKE, rkey=twin, rev="1") for twin in twin_keys())

    assert find([one, other, other, one]).tolist() == [2, 3]


@pytest.mark.parametrize("operation", ["create", "delete"])
def test_creates_and_deletes_without_revision_are_duplicates_at_any_time(find, operation):
    record = commit(POST, operation, rkey="k", rev=None)

    assert find([record | {"event_time_us": at} for at in (1, 2, 5)]).tolist() == [1, 2]


def test_creates_and_deletes_without_revision_are_distinguished_by_all_other_keys(find):
    record = commit(POST, rkey="k", rev=None)
    others = [{"user_id": "did:plc:bob"}, {"collection": LIKE}, {"rkey": "l"}, {"operation": "delete"}, {"rev": "1"}]

    assert find([record, *(record | other for other in others)]).tolist() == []


def test_updates_without_revision_are_distinguished_by_time(find):
    record = commit(POST, "update", rkey="k", rev=None)

    assert find([record, record, record | {"event_time_us": 2}]).tolist() == [1]


def test_a_revision_is_not_compared_with_a_sequence_number(find):
    record = commit(POST, "update", rkey="k")

    assert find([record | {"rev": "5"}, record | {"rev": None, "seq": 5}]).tolist() == []
