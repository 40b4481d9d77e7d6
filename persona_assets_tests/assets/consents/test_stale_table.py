from collections import Counter

from persona_assets.assets.consents.stale_days import StaleDay
from persona_assets.assets.consents.stale_posts import DeletedPosts
from persona_assets.assets.consents.stale_table import ALL_DAYS, UNREADABLE_POSTS, StaleRow, list_stale

FIRST, SECOND = "2025-03-01", "2025-03-02"
REFUSAL = Counter({"refuses embedding": 1})


def gone(day, share, accounts=3):
    return StaleDay("clusters", day, Counter(), Counter({"account deleted": accounts}), share)


def test_nothing_stale_fails_nothing():
    table = list_stale([], [], max_deleted_share=0)

    assert (table.rows, table.failing, table.name_failing_days(), table.largest_share) == ([], [], "none", 0)


def test_one_refusal_fails_and_is_listed_first():
    table = list_stale(
        [gone(FIRST, 0.01), StaleDay("clusters", SECOND, REFUSAL, Counter(), 0)], [], max_deleted_share=1
    )

    assert table.name_failing_days() == f"clusters {SECOND}"
    assert table.rows == [
        StaleRow("clusters", SECOND, "refuses embedding", 1, 0),
        StaleRow("clusters", FIRST, "account deleted", 3, 0),
    ]


def test_accounts_that_are_gone_fail_above_the_share_only():
    assert list_stale([gone(FIRST, 0.05)], [], max_deleted_share=0.05).failing == []
    assert list_stale([gone(FIRST, 0.051)], [], max_deleted_share=0.05).failing == [("clusters", FIRST)]


def test_deleted_posts_fail_above_the_share_only():
    posts = [DeletedPosts("embeddings", FIRST, 1, 0.01), DeletedPosts("embeddings", SECOND, 9, 0.09)]

    table = list_stale([], posts, max_deleted_share=0.05)

    assert table.name_failing_days() == f"embeddings {SECOND}"
    assert [row.posts for row in table.rows] == [9, 1]
    assert table.largest_share == 0.09


def test_a_damaged_file_fails_the_asset():
    table = list_stale([], [DeletedPosts("embeddings", "", 0, 0.0)], max_deleted_share=1)

    assert table.rows == [StaleRow("embeddings", ALL_DAYS, UNREADABLE_POSTS, 0, 0)]
    assert table.name_failing_days() == f"embeddings {ALL_DAYS}"


def test_days_of_an_asset_are_named_once_in_their_order():
    days = [StaleDay("embeddings", SECOND, REFUSAL, Counter(), 0), StaleDay("embeddings", FIRST, REFUSAL, Counter(), 0)]
    posts = [DeletedPosts("embeddings", SECOND, 1, 1.0)]

    assert list_stale(days, posts, max_deleted_share=0).name_failing_days() == f"embeddings {FIRST}, {SECOND}"
