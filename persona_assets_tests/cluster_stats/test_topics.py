"""Topics by LDA."""

import pytest

from persona_assets.cluster_stats.topics import LEAST_POSTS, TOPICS, find_topics

GARDEN, ENGINE = ["tomato", "compost", "roses"], ["piston", "gearbox", "turbo"]
POSTS = [GARDEN, ENGINE] * 30


def test_topics_part_what_is_said_apart():
    found = find_topics(POSTS, seed=0)

    assert found.note is None
    assert len(found.topics) == TOPICS
    assert any(set(words[:3]) == set(GARDEN) for words in found.topics)
    assert any(set(words[:3]) == set(ENGINE) for words in found.topics)


def test_the_same_posts_give_the_same_topics():
    assert find_topics(POSTS, seed=3) == find_topics(POSTS, seed=3)


def test_too_few_posts_with_words_are_said_to_be_insufficient():
    found = find_topics([GARDEN] * (LEAST_POSTS - 1) + [[]] * 50, seed=0)

    assert found.topics == []
    assert found.note == "insufficient data: 19 posts with words, 20 needed"


@pytest.mark.parametrize("posts", [[["same"]] * 30, [[f"word{n}"] for n in range(30)]])
def test_posts_without_words_in_common_or_with_nothing_else_are_too(posts):
    assert find_topics(posts, seed=0).note.startswith("insufficient data: no word is shared")
