"""Words, labels, topics and medoids of generated personas are about the topics that they were generated from."""

import re

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.summarise import ReportInputs, summarise_clusters
from persona_assets.post_words.stop_words import STOP_WORDS
from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS
from persona_assets_tests.assets.cluster_stats.builders import clusters_of, dataset, posts_of, side_tables, vectors_of

PERSONAS = list(TOPICS)
DIMENSIONS = 128


def words_in(texts):
    return {word for text in texts for word in re.findall(r"[^\W\d_]{2,}", text.lower())} - STOP_WORDS


def vocabulary(persona):
    """Return the words of the templates that texts about a persona's topic are generated from."""
    topic = TOPICS[persona]
    return words_in(topic.things + topic.doings + topic.sentences)


def as_vector(text, directions):
    """Return the vector of a text: the sum of a random direction for each of its words."""
    vector = np.full(DIMENSIONS, 0.01)  # so that a text without words has a direction
    for word in sorted(words_in([text])):
        vector += directions.setdefault(word, np.random.default_rng(len(directions)).normal(size=DIMENSIONS))
    return vector


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """Summarise ten personas of about twenty users, who each write eight texts, most of them about their topic."""
    rng = np.random.default_rng(4)
    people = [person for person in make_people(280, len(PERSONAS), rng) if person.persona]
    written = [
        (person, generate_text(person, PERSONAS, rng, answering=n % 3 == 0)) for person in people for n in range(8)
    ]
    users, texts = [person.user_id for person, _ in written], [text for _, text in written]
    uris = [f"at://{user}/app.bsky.feed.post/{number}" for number, user in enumerate(users)]
    directions = {}
    inputs = ReportInputs(
        *side_tables(),
        dataset(clusters_of({person.user_id: PERSONAS.index(person.persona) for person in people})),
        dataset(posts_of(uris, users, texts)),
        dataset(vectors_of(uris, users, [as_vector(text, directions) for text in texts])),
    )
    return summarise_clusters(
        inputs, language="en", seed=0, memory_limit="200MB", scratch=tmp_path_factory.mktemp("scratch")
    )


def share_of_clusters(summary, is_right):
    of_clusters = zip(summary.clusters, PERSONAS, strict=True)
    return np.mean([is_right(persona, vocabulary(name)) for persona, name in of_clusters])


def test_the_top_five_words_are_planted_in_nine_clusters_of_ten(summary):
    assert share_of_clusters(summary, lambda found, planted: {word.word for word in found.words[:5]} <= planted) >= 0.9


def test_a_label_is_made_of_planted_words(summary):
    assert share_of_clusters(summary, lambda found, planted: set(found.label.split(" · ")) <= planted) >= 0.9


def test_the_heaviest_topic_is_about_what_was_planted(summary):
    def is_right(found, planted):
        return len(set(found.topics.topics[0][:5]) & planted) >= 3

    assert share_of_clusters(summary, is_right) >= 0.9


def test_a_medoid_is_a_post_on_the_planted_topic(summary):
    def is_right(found, planted):
        words = words_in([found.medoids[0].text])
        return len(words & planted) > len(words) / 2

    assert share_of_clusters(summary, is_right) >= 0.9
