"""What people write: their persona's topic for the most part, small talk and other topics for the rest."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from persona_assets.sample.people import Person
from persona_assets.sample.phrases import (
    ANSWERS,
    EMOJI,
    FRAMES,
    MOMENTS,
    OTHER_LANGUAGES,
    REPLIES,
    SMALL_TALK,
)
from persona_assets.sample.topics import TOPICS

# Shares of a person's English texts. With them k-means finds the planted personas, and not without error.
ON_TOPIC = 0.72
OFF_TOPIC = 0.08  # of a topic that is another persona's
TWO_SENTENCES = 0.5
WITH_EMOJI = 0.08
LONGEST = 300  # characters of a post

Item = TypeVar("Item")


def write_text(person: Person, personas: Sequence[str], rng: np.random.Generator, *, answering: bool) -> str:
    """Return a short text by `person`, in its language.

    Args:
        person: Who writes.
        personas: All planted topics, for the odd text about another persona's.
        rng: Decides about what, and how.
        answering: It answers somebody's post.
    """
    if person.persona is None:
        text = _write_foreign(person.language, rng)
    else:
        fate = rng.random()
        if fate < ON_TOPIC:
            text = _write_about(person.persona, rng, answering=answering)
        elif fate < ON_TOPIC + OFF_TOPIC:
            text = _write_about(pick(personas, rng), rng, answering=answering)
        else:
            text = _chat(rng, answering=answering)
    if rng.random() < WITH_EMOJI:
        text += f" {pick(EMOJI, rng)}"
    return text[:LONGEST]


def pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Return one of `items`."""
    return items[int(rng.integers(len(items)))]


def _write_about(topic: str, rng: np.random.Generator, *, answering: bool) -> str:
    words = TOPICS[topic]
    first = REPLIES if answering else words.sentences + FRAMES
    sentences = [pick(first, rng)]
    if rng.random() < TWO_SENTENCES:
        sentences.append(pick(words.sentences, rng))
    filled: list[str] = []
    for sentence in sentences:
        here, there = rng.permutation(len(words.things))[:2]
        slots = {"thing": words.things[int(here)], "other": words.things[int(there)], "doing": pick(words.doings, rng)}
        sentence_filled = sentence.format(**slots)
        filled.append(sentence_filled[0].upper() + sentence_filled[1:])
    return " ".join(filled)


def _chat(rng: np.random.Generator, *, answering: bool) -> str:
    sentences = [pick(ANSWERS if answering else SMALL_TALK, rng)]
    if rng.random() < TWO_SENTENCES:
        sentences.append(pick(SMALL_TALK, rng))
    return " ".join(sentence.format(moment=pick(MOMENTS, rng)) for sentence in sentences)


def _write_foreign(language: str, rng: np.random.Generator) -> str:
    words = OTHER_LANGUAGES[language]
    sentences = [pick(words.openings, rng), pick(words.sentences, rng)]
    if rng.random() < TWO_SENTENCES:
        sentences.append(pick(words.sentences, rng))
    return words.gap.join(sentences)
