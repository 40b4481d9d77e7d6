"""The asset `agent_profiles`: a folder of the day, and checks that warn."""

import datetime as dt
import json

import dagster as dg
import pyarrow as pa
import pytest

from persona_assets.assets.agent_profiles.assets import build_agent_profiles
from persona_assets.assets.persona_labels.stored_tables import PERSONA_LABELS
from persona_assets.common.scratch import Scratch
from persona_assets.consent.schemas import CONSENTS
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.io_managers.report_folders import ReportIOManager
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets_tests.assets.agent_profiles.builders import actions_of, clusters_of, habits, user
from persona_assets_tests.checked import find_failed

DAY = "2025-03-01"
DAYS = daily_partitions(dt.date(2025, 3, 1))


def label_rows(*users):
    return pa.Table.from_pylist(
        [
            {
                "day": dt.date(2025, 3, 1),
                "cluster_id": number,
                "persona_id": number + 4,
                "name": f"gardens {number}",
                "description": "Its users write about gardens.",
                "phrases": ["balcony tomatoes"],
                "named_on": dt.date(2025, 3, 1),
                "method": "phrases",
                "users": size,
            }
            for number, size in enumerate(users)
        ],
        schema=PERSONA_LABELS,
    )


@pytest.fixture
def materialize(tmp_path, monkeypatch):
    """Materialize the day over clusters of these sizes; return the result and its folder."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))

    def run(*sizes, labelled=None, consents=None):
        @dg.asset(partitions_def=DAYS)
        def clusters():
            return clusters_of(*sizes)

        @dg.asset(partitions_def=DAYS)
        def user_actions():
            return actions_of(habits(*sizes)).to_table()

        @dg.asset
        def persona_labels():
            return label_rows(*(labelled or sizes))

        inputs = [clusters, user_actions, persona_labels]
        if consents is not None:

            @dg.asset(name="consents")
            def stored_consents():
                return consents

            inputs.append(stored_consents)
        resources = {
            "io_manager": ParquetIOManager(base=str(tmp_path)),
            "report_io_manager": ReportIOManager(base=str(tmp_path), scratch=Scratch()),
            "scratch": Scratch(),
        }
        instance = dg.DagsterInstance.ephemeral()
        dg.materialize(inputs, partition_key=DAY, resources=resources, instance=instance)
        asset = build_agent_profiles(DAYS, trailing_window(1), consents=consents is not None)
        result = dg.materialize(
            [*inputs, asset], selection=[asset], partition_key=DAY, resources=resources, instance=instance
        )
        return result, tmp_path / "agent_profiles" / DAY

    return run


def describe(result):
    (event,) = result.asset_materializations_for_node("agent_profiles")
    return {name: value.value for name, value in event.metadata.items()}


def test_the_folder_has_agents_of_each_persona(materialize):
    result, folder = materialize(60, 40)

    assert not find_failed(result.get_asset_check_evaluations())
    agents = json.loads((folder / "ysocial_agents.json").read_text())["agents"]
    assert [agent["name"] for agent in agents] == [
        "persona_4_agent_1", "persona_4_agent_2", "persona_4_agent_3", "persona_5_agent_1", "persona_5_agent_2"
    ]  # fmt: skip
    described = describe(result)
    assert (described["agents"], described["users"], described["small_clusters"]) == (5, 100, 0)
    assert not any("did:" in str(value) for value in described.values())


def test_small_personas_and_missing_names_are_warnings(materialize):
    result, folder = materialize(40, 5, labelled=(30, 15))

    assert sorted(find_failed(result.get_asset_check_evaluations())) == [
        "agents_have_the_name_of_their_persona",
        "most_personas_have_agents",
    ]
    assert "cluster_0_agent_1" in (folder / "oasis_twitter.csv").read_text()
    assert describe(result)["users_of_small_clusters"] == 5


def test_users_who_refuse_training_are_in_no_agent(materialize):
    said = {"training_allow": False, "no_unauthenticated": False, "bot": False}
    refusing = pa.Table.from_pylist(
        [dict.fromkeys(CONSENTS.names) | said | {"user_id": user(number)} for number in range(30)], schema=CONSENTS
    )

    result, _ = materialize(60, 40, consents=refusing)

    described = describe(result)
    assert (described["users"], described["agents"]) == (70, 3)
    (row,) = described["left_out"].records
    assert row.data == {"reason": "refuses training", "count": 30}
