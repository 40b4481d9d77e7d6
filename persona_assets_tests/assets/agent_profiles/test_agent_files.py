import datetime as dt
import io
import json
import re

import pyarrow.parquet as pq

from persona_assets.assets.agent_profiles.agent_files import render_agent_files
from persona_assets.assets.agent_profiles.stored_tables import AGENT_EDGES, AGENTS
from persona_assets.tables import add_day_field
from persona_assets_tests.assets.agent_profiles.builders import HOSTILE, cards_of, derive

WINDOW = (dt.date(2025, 3, 1), dt.date(2025, 3, 2))


def write(agents):
    return render_agent_files(agents, WINDOW, min_users=20, provenance=None)


def test_the_folder_has_every_file_and_the_same_bytes_each_time(tmp_path):
    files = write(derive(tmp_path, 100, 80))

    assert files == write(derive(tmp_path, 100, 80))
    assert pq.read_table(io.BytesIO(files["agents.parquet"])).schema.equals(add_day_field(AGENTS))
    assert pq.read_table(io.BytesIO(files["agent_edges.parquet"])).schema.equals(add_day_field(AGENT_EDGES))
    numbers = json.loads(files["stats.json"])
    assert (numbers["agents"], numbers["users"], numbers["small_clusters"]) == (9, 180, 0)
    text = files["README.md"].decode()
    assert all(f"`{name}`" in text for name in files if name not in {"README.md", "stats.json"})


def test_no_file_has_an_id_or_an_address_of_a_record(tmp_path):
    for name, content in write(derive(tmp_path, 100, 80)).items():
        assert not re.search(rb"did:|at://", content), name
        if name.endswith(".parquet"):
            assert "did:" not in str(pq.read_table(io.BytesIO(content)).to_pylist())


def test_names_of_strangers_are_escaped_in_the_readme(tmp_path):
    cards = {0: cards_of(1)[0]._replace(name=HOSTILE)}

    text = write(derive(tmp_path, 20, cards=cards))["README.md"].decode()

    assert not {"<", "\u202e", "'"} & set(text.split("Personas:")[1])


def test_a_day_without_agents_is_written_too(tmp_path):
    files = write(derive(tmp_path, 3))

    assert json.loads(files["stats.json"])["agents"] == 0
    assert json.loads(files["ysocial_agents.json"]) == {"agents": []}
    assert json.loads(files["ysocial_config.json"])["personas"] == {}
