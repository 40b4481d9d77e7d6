"""Describe an agent in sentences, for simulators that put a text into a language model's prompt."""

from typing import Any

from persona_assets.assets.agent_profiles.derive_agents import PersonaCard
from persona_assets.assets.agent_profiles.stored_tables import RATES

UNKNOWN = "unknown"
MAX_PHRASES = 12
# Names and descriptions may come from a language model, and phrases from posts: longer ones are cut.
MAX_CHARACTERS = 500
_NOUNS = {
    "post": "posts",
    "reply": "replies",
    "quote": "quotes",
    "like": "likes",
    "repost": "reposts",
    "follow": "new follows",
}
BUSY_HOURS = 6


def clean_text(text: str) -> str:
    """Put a text on one line, remove control characters, and cut it to `MAX_CHARACTERS`."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:MAX_CHARACTERS]


def list_interests(card: PersonaCard) -> list[str]:
    """Return the key phrases of a persona, at most `MAX_PHRASES`."""
    return [clean_text(phrase) for phrase in card.phrases[:MAX_PHRASES]]


def make_profile_sentence(card: PersonaCard) -> str:
    """Return one sentence for an agent's public profile: the name of its persona."""
    return f"An agent of the group {clean_text(card.name)}."


def describe_agent(agent: dict[str, Any], card: PersonaCard) -> str:
    """Return sentences on what an agent writes about, how often it acts, and at which hours.

    Args:
        agent: A row of `AGENTS`.
        card: What is said about its persona.
    """
    rates = ", ".join(f"{agent[column]:.2g} {_NOUNS[action]}" for action, column in RATES.items() if agent[column])
    interests = ", ".join(list_interests(card))
    sentences = [
        f"You are a typical account of the group '{clean_text(card.name)}' on Bluesky.",
        clean_text(card.description),
        f"Subjects of the group: {interests}." if interests else "",
        f"On an average day you make {rates}." if rates else "You hardly ever act.",
        _say_hours(agent["hourly_activity"]),
        "Your age, gender, country and profession are unknown.",
    ]
    return " ".join(filter(None, sentences))


def _say_hours(share: list[float]) -> str:
    if not sum(share):
        return ""
    within = [sum(share[(start + hour) % 24] for hour in range(BUSY_HOURS)) for start in range(24)]
    start = max(range(24), key=lambda hour: (round(within[hour], 6), -hour))
    return f"You are most active from {start:02} to {(start + BUSY_HOURS) % 24:02} h UTC."
