"""Simulated users: personas, languages and declared languages."""

from collections import Counter

import numpy as np
import pytest

from persona_assets.sample.people import Person, draw_declared_languages, make_people


def person(*, language="en", persona="chess", tagging="right"):
    return Person("did:plc:a", "a.example.com", language, persona, tagging)


def test_every_persona_has_users_and_the_largest_about_twice_the_smallest():
    people = make_people(600, 8, np.random.default_rng(1))

    sizes = Counter(one.persona for one in people if one.persona)
    assert len(people) == 600
    assert sum(sizes.values()) == 450
    assert len(sizes) == 8
    assert min(sizes.values()) >= 30
    assert max(sizes.values()) <= 100


def test_only_people_who_write_english_have_a_persona():
    people = make_people(200, 4, np.random.default_rng(1))

    assert all((one.language == "en") == (one.persona is not None) for one in people)
    assert {one.language for one in people} == {"en", "de", "es", "pt", "fr", "ja"}


def test_every_way_of_declaring_languages_occurs():
    people = make_people(600, 8, np.random.default_rng(1))

    assert {one.tagging for one in people if one.persona} == {"right", "region", "two", "none", "wrong"}
    assert {one.tagging for one in people if not one.persona} == {"right", "two", "none", "wrong"}


@pytest.mark.parametrize(
    ("one", "declared"),
    [
        (person(), ["en"]),
        (person(tagging="two"), ["en", "es"]),
        (person(tagging="wrong"), ["pt"]),
        (person(tagging="none"), None),
        (person(language="ja", persona=None), ["ja"]),
        (person(language="ja", persona=None, tagging="two"), ["ja", "en"]),
        (person(language="ja", persona=None, tagging="wrong"), ["en"]),
    ],
)
def test_declared_languages_depend_on_the_author(one, declared):
    assert draw_declared_languages(one, np.random.default_rng(0)) == declared


def test_regions_are_declared_for_english_only():
    rng = np.random.default_rng(0)

    assert {tuple(draw_declared_languages(person(tagging="region"), rng) or ()) for _ in range(40)} == {
        ("en-US",),
        ("en-GB",),
    }
