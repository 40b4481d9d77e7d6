"""The users of a sample capture: language, planted persona, and how their client declares languages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from persona_assets.sample.identifiers import make_did
from persona_assets.sample.phrases import OTHER_LANGUAGES
from persona_assets.sample.topics import TOPICS

Tagging = Literal["right", "region", "two", "none", "wrong"]

ENGLISH_SHARE = 0.75
# Probability of each way in which a client declares languages. Mostly right and sometimes wrong, as in captures of
# March 2025.
ENGLISH_TAGGING: dict[Tagging, float] = {"right": 0.76, "region": 0.12, "two": 0.03, "none": 0.06, "wrong": 0.03}
OTHER_TAGGING: dict[Tagging, float] = {"right": 0.76, "region": 0.0, "two": 0.04, "none": 0.08, "wrong": 0.12}


@dataclass(slots=True)
class Person:
    """A simulated user. Only its account status changes during the simulation."""

    user_id: str
    handle: str
    language: str
    persona: str | None  # the key in TOPICS; None for users who do not write English
    tagging: Tagging
    status: str = "active"

    @property
    def circle(self) -> str:
        """The group whose posts this user mostly sees: its persona, or its language if it has no persona."""
        return self.persona or self.language


def make_people(users: int, personas: int, rng: np.random.Generator) -> list[Person]:
    """Return `users` simulated users; three quarters write English and have one of `personas` personas.

    Args:
        users: Number of users, at least `personas`.
        personas: Number of planted personas: the first ones in `TOPICS`. Each has at least one user.
        rng: Source of all random choices.
    """
    topics = list(TOPICS)[:personas]
    english = max(personas, round(users * ENGLISH_SHARE))
    # The largest persona has about twice the users of the smallest.
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


def draw_declared_languages(person: Person, rng: np.random.Generator) -> list[str] | None:
    """Draw the languages that the client of `person` declares for a post (`langs`); None if it declares none."""
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
