"""Nothing is sent but the evidence, and its hash knows all that an answer depends on."""

import json

import pytest

from persona_assets.assets.persona_labels import endpoint_prompt
from persona_assets.assets.persona_labels.endpoint_prompt import Evidence, build_completion_request, hash_evidence

CATS = Evidence(("cats", "kittens"))


@pytest.mark.parametrize(
    ("evidence", "model"),
    [
        (CATS, "other"),
        (Evidence(("kittens", "cats")), "m"),
        (Evidence(("cats, kittens",)), "m"),
        (Evidence(("cats",), ("kittens",)), "m"),
        (Evidence(("cats", "kittens"), ("My cat.",)), "m"),
    ],
)
def test_other_evidence_has_another_hash(evidence, model):
    assert hash_evidence(evidence, model=model) != hash_evidence(CATS, model="m")


def test_another_prompt_has_another_hash(monkeypatch):
    before = hash_evidence(CATS, model="m")
    monkeypatch.setattr(endpoint_prompt, "PROMPT_VERSION", endpoint_prompt.PROMPT_VERSION + 1)

    assert hash_evidence(CATS, model="m") != before


def test_a_hash_is_the_same_in_every_run():
    assert hash_evidence(CATS, model="m") == "1f258124c88870c0693e4b303cd9ae705475e11f4102d1f76c129111458d2187"


def test_posts_are_sent_only_where_given():
    def sent(evidence):
        return json.loads(json.loads(build_completion_request(evidence, model="m"))["messages"][1]["content"])

    assert sent(CATS) == {"phrases": ["cats", "kittens"]}
    assert sent(Evidence(("cats",), ("My cat.",))) == {"phrases": ["cats"], "posts": ["My cat."]}


def test_half_of_a_surrogate_pair_can_be_sent():
    odd = Evidence(("\ud83d",))

    assert b"ud83d" in build_completion_request(odd, model="m")
    assert len(hash_evidence(odd, model="m")) == 64
