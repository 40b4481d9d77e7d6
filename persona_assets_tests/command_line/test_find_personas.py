"""Personas are found by a text or by the id of a user, in the stored results."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from persona_assets import find, tables
from persona_assets.assets.persona_labels.carry_names import PERSONA_LABELS
from persona_assets.command_line.find_personas import (
    find_personas_by_text,
    find_personas_of_user,
    list_days_with_clusters,
)
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import MissingPartitionError, ModelError, StorageError
from persona_assets.settings import read_settings
from persona_assets_tests.assets.cluster_stats.builders import clusters_of
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, encode, load, make_model

DAYS = [dt.date(2025, 3, 1), dt.date(2025, 3, 2)]
TEXTS = ("bread and butter", "knight takes bishop")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def settings(tmp_path, model_folder, monkeypatch):
    """Two days of two personas, whose centres are the vectors of two texts. The cluster ids differ between the days."""
    model = load(model_folder)
    centres = encode(model, TEXTS)
    for day, order in zip(DAYS, ((0, 1), (1, 0)), strict=True):
        store(tmp_path, "clusters", day, clusters_of({"did:plc:ann": order[0], "did:plc:bob": order[1]}))
        schema = tables.add_vector_model(tables.centres_schema(DIMENSIONS), model.vector_space())
        column = pa.FixedSizeListArray.from_arrays(
            pa.array(centres[list(order)].astype(np.float32).ravel()), type=schema.field("centre").type
        )
        store(tmp_path, "cluster_centres", day, pa.table([pa.array([0, 1], pa.int32()), [7, 5], column], schema=schema))
    rows = [
        {
            "day": day, "cluster_id": order[persona], "persona_id": persona, "name": f"persona {persona}",
            "description": "", "phrases": [], "named_on": DAYS[0], "method": "phrases", "users": 1,
        }
        for day, order in zip(DAYS, ((0, 1), (1, 0)), strict=True) for persona in (0, 1)
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=PERSONA_LABELS)
    write_parquet(tmp_path / "persona_labels.parquet", table.schema, [table])
    for name, value in {"DATA": tmp_path, "MODEL": model_folder, "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"PERSONA_{name}", f"{value}")
    return read_settings()


def store(data, asset, day, table):
    (data / asset).mkdir(exist_ok=True)
    write_parquet(data / asset / f"{day}.parquet", table.schema, [table], day_column=day)


@pytest.mark.parametrize("persona", [0, 1])
def test_personas_are_sorted_by_similarity_to_the_text(settings, persona):
    for day in DAYS:
        nearest, other = find_personas_by_text(settings, TEXTS[persona], day=day)
        assert (nearest["persona_id"], nearest["name"]) == (persona, f"persona {persona}")
        assert nearest["similarity"] == pytest.approx(1, abs=1e-3)
        assert other["similarity"] < nearest["similarity"]


def test_the_last_day_is_the_default_and_the_number_is_limited(settings):
    (found,) = find_personas_by_text(settings, TEXTS[0], max_personas=1)

    assert found["cluster_id"] == 1


def test_a_user_has_a_persona_on_each_day(settings):
    found = find_personas_of_user(settings.data, "did:plc:ann")

    assert [(row["day"], row["persona_id"], row["cluster_id"]) for row in found] == [(DAYS[0], 0, 0), (DAYS[1], 0, 1)]
    assert find_personas_of_user(settings.data, "did:plc:nobody") == []


def test_without_labels_personas_have_no_number_and_no_name(settings, tmp_path):
    (tmp_path / "persona_labels.parquet").unlink()

    assert {(row["persona_id"], row["name"]) for row in find_personas_by_text(settings, TEXTS[0])} == {(None, None)}


def test_a_missing_day_is_named_with_the_stored_ones(settings):
    with pytest.raises(
        MissingPartitionError, match="2025-03-05 has no clusters; the days are 2025-03-01 to 2025-03-02"
    ):
        find_personas_by_text(settings, "x", day=dt.date(2025, 3, 5))


def test_another_model_is_refused(settings, tmp_path):
    other = make_model(tmp_path / "other", pooling={"pooling_mode": "cls"})

    with pytest.raises(ModelError, match="set PERSONA_MODEL to the model of that day"):
        find_personas_by_text(settings.model_copy(update={"model": str(other)}), "x")


def test_a_damaged_table_is_an_error(settings, tmp_path):
    file = tmp_path / "clusters" / f"{DAYS[0]}.parquet"
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)

    with pytest.raises(StorageError, match="clusters"):
        find_personas_of_user(settings.data, "did:plc:ann")


def test_without_stored_days_the_error_names_the_remedy(tmp_path):
    with pytest.raises(MissingPartitionError, match="run the job make_personas, or set PERSONA_DATA"):
        list_days_with_clusters(str(tmp_path))


@pytest.mark.usefixtures("settings")
def test_the_command_prints_a_table(capsys):
    assert find.main([TEXTS[1], "--most", "1"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["persona_id", "cluster_id", "similarity", "users", "name"]
    assert row.split()[:2] == ["1", "0"]
    assert find.main(["did:plc:bob"]) == 0
    assert capsys.readouterr().out.count("persona 1") == 2


@pytest.mark.usefixtures("settings")
def test_the_command_says_what_is_wrong_and_ends_with_status_1(capsys, monkeypatch):
    assert find.main(["did:plc:nobody"]) == 1
    assert capsys.readouterr().err == "in no persona of 2025-03-01 to 2025-03-02\n"
    monkeypatch.setenv("PERSONA_DATA", "/nonexistent")
    assert find.main(["text"]) == 1
    assert "set PERSONA_DATA" in capsys.readouterr().err
