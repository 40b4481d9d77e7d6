"""Generate the texts of messages: mostly about the topic of the user's persona, else small talk or other topics."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from persona_assets.sample.people import Person
from persona_assets.sample.phrases import (
    EMOJI,
    GENERIC_REPLIES,
    MOMENTS,
    OTHER_LANGUAGES,
    REPLY_TEMPLATES,
    SENTENCE_TEMPLATES,
    SMALL_TALK,
)
from persona_assets.sample.topics import TOPICS

# Shares of a user's English texts. With these, k-means finds the planted personas, but not perfectly.
ON_TOPIC_SHARE = 0.72
OFF_TOPIC_SHARE = 0.08  # about the topic of any persona; the rest is small talk
TWO_SENTENCES_SHARE = 0.5
EMOJI_SHARE = 0.08
MAX_CHARACTERS = 300  # of a post on Bluesky

Item = TypeVar("Item")


def generate_text(person: Person, personas: Sequence[str], rng: np.random.Generator, *, answering: bool) -> str:
    """Return a random text of up to 300 characters by `person`: in its language, mostly about its persona's topic.

    Args:
        person: The author.
        personas: All planted personas, for occasional texts about another topic.
        rng: Source of all random choices.
        answering: Whether the text is a reply.
    """
    if person.persona is None:
        text = _write_foreign(person.language, rng)
    else:
        draw = rng.random()
        if draw < ON_TOPIC_SHARE:
            text = _write_about(person.persona, rng, answering=answering)
        elif draw < ON_TOPIC_SHARE + OFF_TOPIC_SHARE:
            text = _write_about(draw_item(personas, rng), rng, answering=answering)
        else:
            text = _chat(rng, answering=answering)
    if rng.random() < EMOJI_SHARE:
        text += f" {draw_item(EMOJI, rng)}"
    return text[:MAX_CHARACTERS]


def draw_item(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Return one item, drawn uniformly at random."""
    return items[int(rng.integers(len(items)))]


def _write_about(topic: str, rng: np.random.Generator, *, answering: bool) -> str:
    words = TOPICS[topic]
    first = REPLY_TEMPLATES if answering else words.sentences + SENTENCE_TEMPLATES
    sentences = [draw_item(first, rng)]
    if rng.random() < TWO_SENTENCES_SHARE:
        sentences.append(draw_item(words.sentences, rng))
    filled: list[str] = []
    for sentence in sentences:
        here, there = rng.permutation(len(words.things))[:2]
        slots = {
            "thing": words.things[int(here)],
            "other": words.things[int(there)],
            "doing": draw_item(words.doings, rng),
        }
        sentence_filled = sentence.format(**slots)
        filled.append(sentence_filled[0].upper() + sentence_filled[1:])
    return " ".join(filled)


def _chat(rng: np.random.Generator, *, answering: bool) -> str:
    sentences = [draw_item(GENERIC_REPLIES if answering else SMALL_TALK, rng)]
    if rng.random() < TWO_SENTENCES_SHARE:
        sentences.append(draw_item(SMALL_TALK, rng))
    return " ".join(sentence.format(moment=draw_item(MOMENTS, rng)) for sentence in sentences)


def _write_foreign(language: str, rng: np.random.Generator) -> str:
    words = OTHER_LANGUAGES[language]
    sentences = [draw_item(words.openings, rng), draw_item(words.sentences, rng)]
    if rng.random() < TWO_SENTENCES_SHARE:
        sentences.append(draw_item(words.sentences, rng))
    return words.gap.join(sentences)
