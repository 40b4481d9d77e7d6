import json

from persona_assets.assets.agent_profiles.concordia_file import render_concordia_json
from persona_assets_tests.assets.agent_profiles.builders import derive
from persona_assets_tests.assets.agent_profiles.simulators import import_package, needs_simulators


@needs_simulators
def test_concordia_takes_the_instances(tmp_path):
    agents = derive(tmp_path, 60)
    written = json.loads(render_concordia_json(agents))
    prefab = import_package("concordia.typing.prefab")

    instances = [
        prefab.InstanceConfig(one["prefab"], prefab.Role(one["role"]), one["params"]) for one in written["instances"]
    ]
    config = prefab.Config({}, instances, written["default_premise"], written["default_max_steps"])

    entities = [one for one in config.instances if one.role is prefab.Role.ENTITY]
    assert [one.params["name"] for one in entities] == agents.agents["username"].to_pylist()
    (initializer,) = [one for one in config.instances if one.role is prefab.Role.INITIALIZER]
    assert set(initializer.params["player_specific_context"]) == {one.params["name"] for one in entities}
    (master,) = [one for one in config.instances if one.role is prefab.Role.GAME_MASTER]
    assert initializer.params["next_game_master_name"] == master.params["name"]
