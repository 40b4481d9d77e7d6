import datetime as dt
import json

from persona_assets.assets.agent_profiles.agentsociety_file import render_agentsociety_json
from persona_assets_tests.assets.agent_profiles.builders import derive
from persona_assets_tests.assets.agent_profiles.simulators import load_module, needs_simulators


def write(tmp_path, *sizes):
    agents = derive(tmp_path, *sizes)
    return agents, json.loads(render_agentsociety_json(agents, first_day=dt.date(2025, 3, 1)))


@needs_simulators
def test_its_validator_accepts_the_configuration(tmp_path):
    agents, config = write(tmp_path, 100, 80)

    read = load_module("agentsociety2/society/models.py").InitConfig.model_validate(config)

    assert [agent.agent_id for agent in read.agents] == list(range(len(agents.agents)))
    assert [module.module_type for module in read.env_modules] == ["social_media"]


@needs_simulators
def test_its_model_accepts_every_account(tmp_path):
    agents, config = write(tmp_path, 100, 80)
    persons = config["env_modules"][0]["kwargs"]["persons"]

    person = load_module("agentsociety2/contrib/env/social_media/models.py").SocialMediaPerson
    read = [person.model_validate(one) for one in persons.values()]

    assert [one.following_count for one in read] == agents.agents["following"].to_pylist()
    assert all(len(one.following) == one.following_count for one in read)


def test_follows_are_those_of_the_edges(tmp_path):
    agents, config = write(tmp_path, 100, 80)
    follows = config["env_modules"][0]["kwargs"]["follows"]

    edges = {(edge["source"], edge["target"]) for edge in agents.edges.to_pylist() if edge["relation"] == "follow"}
    assert {(int(source), target) for source, targets in follows.items() for target in targets} == edges
