"""Filtering the posts of a day by language."""

import random
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.english_posts import reasons
from persona_assets_tests.assets.english_posts.builders import ENGLISH, GERMAN, JAPANESE, SHORT, filter_day, message

MESSAGES = st.lists(
    st.builds(
        message,
        st.sampled_from([ENGLISH, GERMAN, JAPANESE, SHORT, "", None]),
        langs=st.sampled_from([None, ["en"], ["en-US", "de"], ["de"]]),
        user=st.sampled_from("ab"),
        n=st.integers(0, 30),
        action=st.sampled_from(["post", "reply", "quote", "like", "post_update"]),
    ),
    max_size=30,
)


def test_only_messages_in_the_language_are_kept_sorted_by_uri(tmp_path):
    day = [
        message(ENGLISH, user="b", n=1),
        message(GERMAN, user="b", n=2),
        message(ENGLISH, user="a", n=3, action="reply"),
        message(ENGLISH, user="a", n=4, action="post_update"),
        message(None, user="a", n=5, action="like"),
    ]

    filtered = filter_day(day, tmp_path)

    kept = pq.read_table(filtered.posts)
    assert kept.schema.equals(tables.ENGLISH_POSTS)
    assert kept["uri"].to_pylist() == [day[2]["uri"], day[0]["uri"]]
    assert kept["action"].to_pylist() == ["reply", "post"]
    assert filtered.kept == {reasons.DETECTED: 2}
    assert filtered.dropped == {reasons.OTHER_DETECTED: 1}


def test_undecided_posts_follow_the_majority_of_their_authors_other_posts(tmp_path):
    day = [
        *[message(ENGLISH, user="english", n=n) for n in range(3)],
        message(GERMAN, user="english", n=3),
        message(SHORT, user="english", n=4),
        message(JAPANESE, langs=["en"], user="japanese", n=0),
        message(SHORT, langs=["en", "ja"], user="japanese", n=1),
        message(SHORT, user="silent", n=0),
    ]

    filtered = filter_day(day, tmp_path)

    assert filtered.kept == {reasons.DETECTED: 3, reasons.OTHER_POSTS: 1}
    assert filtered.dropped[reasons.OTHER_POSTS_DIFFER] == 1
    assert filtered.dropped[reasons.UNLIKELY] == 1


def test_the_latest_version_of_a_post_is_kept(tmp_path):
    day = [{**message(ENGLISH + " still"), "event_time_us": 7}, {**message(ENGLISH), "event_time_us": 2}]

    filtered = filter_day(day, tmp_path)

    assert pq.read_table(filtered.posts)["event_time_us"].to_pylist() == [7]
    assert filtered.dropped == {reasons.WRITTEN_AGAIN: 1}
    assert filtered.kept == {reasons.DETECTED: 1}


def test_an_empty_day_gives_an_empty_table(tmp_path):
    filtered = filter_day([], tmp_path)

    assert pq.read_table(filtered.posts).schema.equals(tables.ENGLISH_POSTS)
    assert filtered[1:] == ({}, {})


@settings(max_examples=25)
@given(MESSAGES)
def test_kept_and_dropped_add_up_to_the_messages_read(day):
    with tempfile.TemporaryDirectory() as folder:
        filtered = filter_day(day, Path(folder))
        rows = pq.read_metadata(filtered.posts).num_rows

    assert sum(filtered.kept.values()) == rows
    assert rows + sum(filtered.dropped.values()) == sum(row["action"] in tables.MESSAGES for row in day)


@settings(max_examples=15)
@given(MESSAGES, st.randoms(use_true_random=False), st.integers(1, 40))
def test_the_order_and_the_batches_of_actions_do_not_matter(day, shuffler: random.Random, batch_rows):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first = filter_day(day, Path(one))
        shuffler.shuffle(day)
        second = filter_day(day, Path(other), batch_rows=batch_rows)

        assert first.posts.read_bytes() == second.posts.read_bytes()
        assert first[1:] == second[1:]
