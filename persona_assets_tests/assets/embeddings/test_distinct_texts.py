"""A day is split into distinct texts and the posts that refer to them."""

import pyarrow.parquet as pq

from persona_assets.assets.embeddings.distinct_texts import split_texts
from persona_assets_tests.assets.embeddings.builders import posts_of


def test_texts_are_distinct_and_sorted_and_each_post_finds_its_own(tmp_path):
    texts = ["b", "a", "b", "c", "a"]

    split = split_texts(posts_of(texts), scratch=tmp_path, memory_limit="200MB")

    distinct = pq.read_table(split.texts)["text"].to_pylist()
    posts = pq.read_table(split.posts)
    assert distinct == ["a", "b", "c"]
    assert (split.n_texts, split.n_posts) == (3, 5)
    assert posts["uri"].to_pylist() == sorted(posts["uri"].to_pylist())
    found = {uri: distinct[text_id] for uri, _, text_id in zip(*(column.to_pylist() for column in posts), strict=True)}
    assert [found[f"at://did:plc:{n % 3}/app.bsky.feed.post/{n:04d}"] for n in range(5)] == texts
