"""Y Social's client is in no registry: the fields are those of `YClient/y_client/classes/base_agent.py`."""

import json

import pytest

from persona_assets.assets.agent_profiles.ysocial_files import (
    UNKNOWN_FIELDS,
    render_ysocial_config,
    render_ysocial_population,
)
from persona_assets_tests.assets.agent_profiles.builders import action, derive

FIELDS = set(
    """
    name email password age type leaning interests oe co ex ag ne rec_sys frec_sys language owner education_level
    round_actions gender nationality toxicity joined_on is_page daily_activity_level profession activity_profile
    opinions archetype
    """.split()  # noqa: SIM905 - easier to compare with the class
)


def test_an_agent_has_every_field_and_nothing_made_up(tmp_path):
    listed = json.loads(render_ysocial_population(derive(tmp_path, 40)))["agents"]

    assert len(listed) == 2
    for agent in listed:
        assert set(agent) == FIELDS
        assert {agent[name] for name in UNKNOWN_FIELDS} == {None}


def test_activity_is_what_users_did(tmp_path):
    rows = [action(number, "post", "a", hour=2) for number in range(20)]
    rows += [action(number, "like", f"b{key}", hour=3) for number in range(20) for key in range(3)]

    config = json.loads(render_ysocial_config(derive(tmp_path, 20, rows=rows)))

    likelihood = config["simulation"]["actions_likelihood"]
    assert set(likelihood) == {"post", "image", "news", "comment", "read", "share", "search", "cast"}
    assert (likelihood["post"], likelihood["read"], likelihood["comment"]) == (0.25, 0.75, 0)
    hours = config["simulation"]["hourly_activity"]
    assert list(hours) == [str(hour) for hour in range(24)]
    assert (hours["14"], hours["15"], sum(hours.values())) == (0.25, 0.75, pytest.approx(1))
    assert config["personas"] == {"persona_10": config["simulation"]}


def test_each_persona_has_its_own_hours(tmp_path):
    personas = json.loads(render_ysocial_config(derive(tmp_path, 40, 40)))["personas"]

    assert set(personas) == {"persona_10", "persona_11"}
    assert personas["persona_10"]["hourly_activity"] != personas["persona_11"]["hourly_activity"]
