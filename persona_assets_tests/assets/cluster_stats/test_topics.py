"""Topics by LDA."""

import numpy as np
import pytest

from persona_assets.assets.cluster_stats import topics
from persona_assets.assets.cluster_stats.topics import MIN_POSTS, TOPIC_NUMBERS, find_topics

GARDEN, ENGINE = ["tomato", "compost", "roses"], ["piston", "gearbox", "turbo"]
POSTS = [GARDEN, ENGINE] * 30


def test_topics_separate_words_of_different_posts():
    found = find_topics(POSTS, seed=0)

    assert found.note is None
    assert len(found.topics) in TOPIC_NUMBERS
    assert 0 < found.coherence <= 1
    assert any(set(words[:3]) == set(GARDEN) for words in found.topics)
    assert any(set(words[:3]) == set(ENGINE) for words in found.topics)


def test_the_same_posts_give_the_same_topics():
    assert find_topics(POSTS, seed=3) == find_topics(POSTS, seed=3)


def test_the_number_of_topics_has_the_highest_coherence(monkeypatch):
    rng = np.random.default_rng(0)
    themes = [[f"{theme}{n}" for n in range(8)] for theme in ("garden", "engine", "opera")]
    posts = [rng.choice(themes[n % 3], 5, replace=False).tolist() for n in range(300)]
    chosen = find_topics(posts, seed=0)

    coherences = []
    for number in TOPIC_NUMBERS:
        monkeypatch.setattr(topics, "TOPIC_NUMBERS", (number,))
        coherences.append(find_topics(posts, seed=0).coherence)

    assert chosen.coherence == max(coherences)
    assert {word.rstrip("01234567") for word in chosen.topics[0]} < {"garden", "engine", "opera"}


def test_few_posts_get_the_minimum_number_of_topics():
    assert len(find_topics(POSTS[: 5 * MIN_POSTS - 1], seed=0).topics) == TOPIC_NUMBERS[0]
    assert len(find_topics(POSTS[:MIN_POSTS], seed=0).topics) == TOPIC_NUMBERS[0]


def test_too_few_posts_with_words_have_no_topics_and_a_reason():
    found = find_topics([GARDEN] * (MIN_POSTS - 1) + [[]] * 50, seed=0)

    assert found.topics == []
    assert found.note == "insufficient data: 19 posts with words, 20 needed"


@pytest.mark.parametrize("posts", [[["same"]] * 30, [[f"word{n}"] for n in range(30)]])
def test_posts_that_share_no_word_or_every_word_have_no_topics_and_a_reason(posts):
    assert find_topics(posts, seed=0).note.startswith("insufficient data: no word is shared")
