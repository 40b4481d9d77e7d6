"""Texts are mostly about the topic of their persona, and differ."""

from collections import Counter

import numpy as np
import pytest

from persona_assets.sample.people import Person
from persona_assets.sample.phrases import OTHER_LANGUAGES
from persona_assets.sample.texts import ON_TOPIC_SHARE, generate_text
from persona_assets.sample.topics import TOPICS

PERSONAS = ["gardening", "chess"]


def person(*, language="en", persona="chess"):
    return Person("did:plc:a", "a.example.com", language, persona, "right")


def texts(one, *, count=400, answering=False):
    rng = np.random.default_rng(3)
    return [generate_text(one, PERSONAS, rng, answering=answering) for _ in range(count)]


def speaks_of(text, topic):
    words = TOPICS[topic]
    return any(part.lower() in text.lower() for part in (*words.things, *words.doings, *words.sentences))


@pytest.mark.parametrize("answering", [False, True])
def test_most_texts_are_about_the_persona_and_they_differ(answering):
    written = texts(person(), answering=answering)

    assert sum(speaks_of(text, "chess") for text in written) > 0.9 * ON_TOPIC_SHARE * len(written)
    assert len(set(written)) > 0.7 * len(written)
    assert Counter(written).most_common(1)[0][1] < 0.05 * len(written)


def test_no_placeholder_is_left_and_no_post_is_too_long():
    for text in texts(person()) + texts(person(), answering=True) + texts(person(language="ja", persona=None)):
        assert 0 < len(text) <= 300
        assert "{" not in text


@pytest.mark.parametrize("language", OTHER_LANGUAGES)
def test_users_without_a_persona_write_their_language(language):
    sentences = OTHER_LANGUAGES[language].sentences

    for text in texts(person(language=language, persona=None), count=30):
        assert any(sentence in text for sentence in sentences)
