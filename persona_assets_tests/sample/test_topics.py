"""The topics of planted personas do not overlap."""

from itertools import combinations
from string import Formatter

import pytest

from persona_assets.sample.phrases import REPLY_TEMPLATES, SENTENCE_TEMPLATES
from persona_assets.sample.topics import TOPICS


def slots(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_has_more_than_thirty_sentences_and_fills_their_placeholders(topic):
    sentences = TOPICS[topic].sentences + SENTENCE_TEMPLATES

    assert len(set(sentences)) == len(sentences) > 30
    assert set().union(*map(slots, sentences)) == {"thing", "other", "doing"}


def test_topics_share_no_thing_no_doing_and_no_sentence():
    for one, other in combinations(TOPICS.values(), 2):
        for mine, theirs in zip(one, other, strict=True):
            assert not set(mine) & set(theirs)


def test_reply_templates_use_the_placeholders_of_a_topic():
    assert set().union(*map(slots, REPLY_TEMPLATES)) == {"thing", "other", "doing"}
