import datetime as dt

import numpy as np
import pytest

from persona_assets.common.provenance import with_provenance
from persona_assets.common.vector_chunks import hash_texts
from persona_assets.forgetting.affected_data import (
    find_days_of_files,
    hash_texts_without_other_authors,
    is_affected,
    table_name_of,
)
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import DAY, find_file, make_posts, make_users, store, store_users

ACCOUNTS = Accounts([ALICE])
DAYS = {dt.date(2025, 3, 1)}


def test_days_are_those_of_daily_tables(tmp_path):
    store_users(tmp_path, day="2025-03-05")
    store(tmp_path, f"english_posts/{DAY}", make_posts((ALICE, "a")))
    store(tmp_path, "raw_events/notes", make_posts((ALICE, "a")))
    names = ["english_users/2025-03-05.parquet", f"english_posts/{DAY}.parquet", "raw_events/notes.parquet"]
    files = [find_file(tmp_path, name) for name in names]

    assert find_days_of_files(files) == DAYS
    assert table_name_of(files[0]) == "english_users"


def test_texts_that_others_wrote_too_are_not_own(tmp_path):
    store(tmp_path, f"english_posts/{DAY}", make_posts((ALICE, "mine"), (ALICE, "shared"), (BOB, "theirs")))
    store(tmp_path, "english_posts/2025-03-02", make_posts((BOB, "shared")))
    files = [find_file(tmp_path, f"english_posts/{day}.parquet") for day in (DAY, "2025-03-02")]

    assert np.array_equal(hash_texts_without_other_authors(files, files[:1], ACCOUNTS), hash_texts(["mine"]))
    assert hash_texts_without_other_authors(files, [], ACCOUNTS).shape == (0, 2)


@pytest.mark.parametrize(
    ("day", "window_days", "expected"),
    [("2025-03-01", 1, True), ("2025-03-07", 7, True), ("2025-03-08", 7, False), ("2025-02-28", 7, False)],
)
def test_a_folder_is_affected_by_the_days_of_its_window(tmp_path, day, window_days, expected):
    folder = tmp_path / "cluster_stats" / day
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    files = [find_file(tmp_path, f"cluster_stats/{day}/report.html")]

    assert is_affected(f"cluster_stats/{day}", files, DAYS, window_days=window_days) is expected


@pytest.mark.parametrize(("first", "expected"), [("2025-03-01", True), ("2025-03-02", False)])
def test_the_window_of_the_provenance_counts(tmp_path, first, expected):
    made = {"window": {"from": first, "to": "2025-03-20"}}
    store(tmp_path, "dataset/2025-03-20/train", with_provenance(make_users(BOB), made))
    files = [find_file(tmp_path, "dataset/2025-03-20/train.parquet")]

    assert is_affected("dataset/2025-03-20", files, DAYS, window_days=7) is expected
