"""The texts of a day are deduplicated, and each post refers to its text."""

import pyarrow.parquet as pq

from persona_assets.assets.embeddings.distinct_texts import deduplicate_texts
from persona_assets_tests.assets.embeddings.builders import posts_of


def test_texts_are_distinct_and_sorted_and_each_post_refers_to_its_text(tmp_path):
    texts = ["b", "a", "b", "c", "a"]

    result = deduplicate_texts(posts_of(texts), scratch=tmp_path, memory_limit="200MB")

    distinct = pq.read_table(result.texts)["text"].to_pylist()
    posts = pq.read_table(result.posts)
    assert distinct == ["a", "b", "c"]
    assert (result.n_texts, result.n_posts) == (3, 5)
    assert posts["uri"].to_pylist() == sorted(posts["uri"].to_pylist())
    found = {uri: distinct[text_id] for uri, _, text_id in zip(*(column.to_pylist() for column in posts), strict=True)}
    assert [found[f"at://did:plc:{n % 3}/app.bsky.feed.post/{n:04d}"] for n in range(5)] == texts
