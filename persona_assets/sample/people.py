"""The people of a sample: who they are, what they write about, and how their client tags languages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from persona_assets.sample.identifiers import make_did
from persona_assets.sample.phrases import OTHER_LANGUAGES
from persona_assets.sample.topics import TOPICS

Tagging = Literal["right", "region", "two", "none", "wrong"]

ENGLISH_SHARE = 0.75
# How often a client tags a language how: mostly right, as in captures of March 2025, and sometimes lying.
ENGLISH_TAGGING: dict[Tagging, float] = {"right": 0.76, "region": 0.12, "two": 0.03, "none": 0.06, "wrong": 0.03}
OTHER_TAGGING: dict[Tagging, float] = {"right": 0.76, "region": 0.0, "two": 0.04, "none": 0.08, "wrong": 0.12}


@dataclass(slots=True)
class Person:
    """One account. Its `status` changes as the days pass; the rest does not."""

    user_id: str
    handle: str
    language: str
    persona: str | None  # a topic; None for people who do not write English
    tagging: Tagging
    status: str = "active"

    @property
    def circle(self) -> str:
        """Whose posts this person mostly sees: those of its persona, or of its language."""
        return self.persona or self.language


def make_people(users: int, personas: int, rng: np.random.Generator) -> list[Person]:
    """Return `users` people, three quarters of them English in personas of somewhat unequal size.

    Args:
        users: At least `personas`.
        personas: How many of `TOPICS` are planted, in their order.
        rng: Decides who is who.
    """
    topics = list(TOPICS)[:personas]
    english = max(personas, round(users * ENGLISH_SHARE))
    # The largest persona has twice the users of the smallest; each has one at least.
    sizes = np.linspace(2, 1, personas)
    drawn = rng.choice(personas, size=english - personas, p=sizes / sizes.sum())
    english_personas = [*topics, *(topics[index] for index in drawn)]
    languages = rng.choice(list(OTHER_LANGUAGES), size=users - english)
    kinds = [("en", persona) for persona in english_personas] + [(str(language), None) for language in languages]
    order = rng.permutation(users)
    return [_make_person(number, kinds[int(index)], rng) for number, index in enumerate(order)]


def _make_person(number: int, kind: tuple[str, str | None], rng: np.random.Generator) -> Person:
    language, persona = kind
    habits = ENGLISH_TAGGING if language == "en" else OTHER_TAGGING
    tagging = list(habits)[rng.choice(len(habits), p=list(habits.values()))]
    return Person(make_did(rng), f"user{number}.example.com", language, persona, tagging)


def declare_languages(person: Person, rng: np.random.Generator) -> list[str] | None:
    """Return the `langs` of a post by `person`; None where its client declares nothing."""
    english = person.language == "en"
    match person.tagging:
        case "right":
            return [person.language]
        case "region":
            return ["en-US" if rng.random() < 2 / 3 else "en-GB"]
        case "two":
            return ["en", "es"] if english else [person.language, "en"]
        case "wrong":
            return ["pt"] if english else ["en"]
        case "none":
            return None
