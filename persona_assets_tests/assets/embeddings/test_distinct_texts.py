"""The texts of a day are deduplicated, and each post refers to its text."""

import pyarrow.parquet as pq

from persona_assets.assets.embeddings.distinct_texts import write_distinct_texts
from persona_assets_tests.assets.embeddings.builders import posts_of
from persona_assets_tests.consent.builders import left_out


def test_texts_are_distinct_and_sorted_and_each_post_refers_to_its_text(tmp_path):
    texts = ["b", "a", "b", "c", "a"]

    result = write_distinct_texts(posts_of(texts), scratch=tmp_path, memory_limit="200MB")

    distinct = pq.read_table(result.texts)["text"].to_pylist()
    posts = pq.read_table(result.posts)
    assert distinct == ["a", "b", "c"]
    assert (result.n_texts, result.n_posts) == (3, 5)
    assert posts["uri"].to_pylist() == sorted(posts["uri"].to_pylist())
    found = {uri: distinct[text_id] for uri, _, text_id in zip(*(column.to_pylist() for column in posts), strict=True)}
    assert [found[f"at://did:plc:{n % 3}/app.bsky.feed.post/{n:04d}"] for n in range(5)] == texts


def test_texts_of_what_is_left_out_are_in_no_file_unless_another_user_wrote_them_too(tmp_path):
    texts = ["only of 0", "of 1", "of 0 and 2", "of 0 and 2", "deleted", "of 0 and 2"]  # by users 0, 1, 2 in turn
    users = {"did:plc:0": "refuses embedding", "did:plc:9": "refuses embedding"}
    deleted = ["at://did:plc:1/app.bsky.feed.post/0004", "at://did:plc:0/app.bsky.feed.post/0000"]

    result = write_distinct_texts(
        posts_of(texts), left_out=left_out(users, deleted), scratch=tmp_path, memory_limit="200MB"
    )

    assert pq.read_table(result.texts)["text"].to_pylist() == ["of 0 and 2", "of 1"]
    assert pq.read_table(result.posts)["user_id"].to_pylist() == ["did:plc:1", "did:plc:2", "did:plc:2"]
    assert result.left_out == {"deleted by its author": 1, "refuses embedding": 2}
    assert (result.n_posts, result.n_texts) == (3, 2)
