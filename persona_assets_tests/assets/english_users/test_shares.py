"""The share of English of each day, compared with the median of the other days."""

import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets import tables
from persona_assets.assets.english_users.shares import compute_english_shares_by_day, is_share_near_median
from persona_assets.common.parquet_files import write_parquet

WEEK = {"2025-03-01": 0.4, "2025-03-02": 0.5, "2025-03-03": 0.45}


def dataset(folder, schema, rows_by_day):
    folder.mkdir()
    for day, rows in rows_by_day.items():
        write_parquet(folder / f"{day}.parquet", schema, [pa.Table.from_pylist(rows, schema=schema)])
    return pads.dataset([str(file) for file in sorted(folder.iterdir())])


def test_shares_are_counted_of_posts_replies_and_quotes_per_day(tmp_path):
    def act(action):
        return {"user_id": "u", "action": action, "event_time_us": 0}

    post = {
        "uri": "at://u/p/1", "user_id": "u", "action": "post", "text": "hi", "event_time_us": 0, "is_english": True,
        "language_reason": "declared",
    }  # fmt: skip
    actions = {
        "2025-03-01": [act(action) for action in ("like", "post", "quote", "reply", "reply")],
        "2025-03-02": [act("like")],
    }
    posts = {"2025-03-01": [post], "2025-03-02": []}

    shares = compute_english_shares_by_day(
        dataset(tmp_path / "posts", tables.ENGLISH_POSTS, posts),
        dataset(tmp_path / "actions", tables.USER_ACTIONS, actions),
    )

    assert shares == {"2025-03-01": 0.25}


@pytest.mark.parametrize(("share", "usual"), [(0.45, True), (0.31, True), (0.29, False), (0.67, True), (0.69, False)])
def test_a_share_passes_within_a_factor_of_1_5_of_the_median(share, usual):
    assert is_share_near_median("2025-03-04", {**WEEK, "2025-03-04": share}) is usual


def test_with_two_other_days_every_share_passes():
    assert is_share_near_median("2025-03-03", {**WEEK, "2025-03-03": 0.01})


def test_a_day_without_share_passes():
    assert is_share_near_median("2025-03-04", WEEK)
