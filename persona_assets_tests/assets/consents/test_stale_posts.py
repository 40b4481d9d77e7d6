import pyarrow.fs as pafs
import pytest

from persona_assets.assets.consents.stale_posts import DeletedPosts, count_deleted_posts
from persona_assets_tests.assets.consents.builders import store_posts, store_users

FIRST, SECOND, THIRD = "2025-03-01", "2025-03-02", "2025-03-03"
A, B, C, D = (f"at://did:plc:a/app.bsky.feed.post/{key}" for key in "abcd")


def count(folder):
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return list(
        count_deleted_posts(filesystem=pafs.LocalFileSystem(), data=str(folder), memory_limit="200MB", scratch=scratch)
    )


def test_without_stored_days_or_deletions_nothing_is_counted(tmp_path):
    assert count(tmp_path) == []
    store_posts(tmp_path, "deleted_posts", SECOND, [A])
    assert count(tmp_path) == []
    store_posts(tmp_path, "embeddings", FIRST, [B, C])
    assert count(tmp_path) == []


@pytest.mark.parametrize("asset", ["embeddings", "cluster_jsonl"])
def test_posts_that_were_deleted_on_a_later_day_are_counted_once_with_their_share(tmp_path, asset):
    store_posts(tmp_path, asset, FIRST, [A, B, C, D])
    store_posts(tmp_path, asset, SECOND, [A, B])
    store_posts(tmp_path, "deleted_posts", SECOND, [A, B])
    store_posts(tmp_path, "deleted_posts", THIRD, [A])

    assert count(tmp_path) == [DeletedPosts(asset, FIRST, 2, 0.5), DeletedPosts(asset, SECOND, 1, 0.5)]


def test_a_deletion_of_the_same_or_an_earlier_day_is_known_or_before_the_post(tmp_path):
    store_posts(tmp_path, "embeddings", SECOND, [A, B])
    store_posts(tmp_path, "deleted_posts", FIRST, [A])
    store_posts(tmp_path, "deleted_posts", SECOND, [B])

    assert count(tmp_path) == []


def test_a_day_of_cluster_jsonl_without_an_index_is_passed_over(tmp_path):
    store_users(tmp_path, "cluster_jsonl", FIRST, ["did:plc:a"])
    store_posts(tmp_path, "cluster_jsonl", SECOND, [A])
    store_posts(tmp_path, "deleted_posts", THIRD, [A])

    assert count(tmp_path) == [DeletedPosts("cluster_jsonl", SECOND, 1, 1.0)]


def test_a_damaged_file_is_said_and_does_not_end_the_search(tmp_path):
    store_posts(tmp_path, "embeddings", FIRST, [A])
    (tmp_path / "embeddings" / f"{FIRST}.parquet").write_bytes(b"PAR1")
    store_posts(tmp_path, "cluster_jsonl", FIRST, [A])
    store_posts(tmp_path, "deleted_posts", THIRD, [A])

    assert count(tmp_path) == [
        DeletedPosts("embeddings", "", 0, 0.0),
        DeletedPosts("cluster_jsonl", FIRST, 1, 1.0),
    ]
