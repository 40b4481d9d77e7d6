"""MLCommons' own library validates the metadata, and streams the rows by it."""

import datetime as dt
import json

import pandas as pd
import pytest

from persona_assets.assets.dataset.croissant import render_croissant
from persona_assets.assets.dataset.release_schemas import FORMS
from persona_assets_tests.assets.dataset.builders import rows_of
from persona_assets_tests.assets.dataset.test_assets import run, tokens  # noqa: F401 - fixtures

PROPERTIES = {
    "name": "personas-2025-03-02",
    "description": "What users wrote.",
    "license": "cc-by-4.0",
    "citeAs": "@misc{x}",
    "version": "1.0.0",
    "datePublished": "2025-03-02",
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "croissant.json"
    path.write_bytes(render_croissant(FORMS, properties=PROPERTIES, responsible_use={"dataCollection": "a stream"}))
    return path


def test_each_column_is_a_field(file):
    described = json.loads(file.read_bytes())

    assert {
        form["@id"]: [field["source"]["extract"]["column"] for field in form["field"]]
        for form in described["recordSet"]
    } == {form: schema.names for form, schema in FORMS.items()}
    assert described["rai:dataCollection"] == "a stream"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, in mlcroissant
def test_mlcroissant_finds_no_error_and_no_warning(file):
    mlcroissant = pytest.importorskip("mlcroissant")

    issues = mlcroissant.Dataset(jsonld=str(file)).metadata.ctx.issues

    assert (issues.errors, issues.warnings) == (set(), set())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, in mlcroissant
def test_mlcroissant_refuses_metadata_with_a_field_of_no_file(file):
    mlcroissant = pytest.importorskip("mlcroissant")
    described = json.loads(file.read_bytes())
    described["recordSet"][0]["field"][0]["source"]["fileSet"]["@id"] = "nothing"
    file.write_text(json.dumps(described), encoding="utf-8")

    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=str(file))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, in mlcroissant
def test_mlcroissant_streams_every_row_of_every_form_from_a_local_folder(run):  # noqa: F811 - the fixture
    mlcroissant = pytest.importorskip("mlcroissant")
    forms = ("chat", "threads", "dehydrated", "next_action")
    result, folder = run(dataset_forms=",".join(forms))
    assert result.success
    described = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))

    for form in forms:
        records = [decode(record) for record in described.records(form)]

        expected = [name_as_croissant(form, row) for row in rows_of(folder, form)]
        assert len(expected) > 10
        assert sorted(records, key=lambda record: record[f"{form}/line_id"]) == expected


def decode(value):
    """Return a record with its texts decoded: the library gives them as bytes."""
    if isinstance(value, dict):
        return {key: decode(one) for key, one in value.items()}
    if isinstance(value, list):
        return [decode(one) for one in value]
    return value.decode() if isinstance(value, bytes) else None if value is pd.NaT else value


def name_as_croissant(name, value):
    """Return a row with the names that fields have in records."""
    if isinstance(value, dict):
        return {f"{name}/{key}": name_as_croissant(f"{name}/{key}", one) for key, one in flatten(value).items()}
    if isinstance(value, list):
        return [name_as_croissant(name, one) for one in value]
    return pd.Timestamp(value) if isinstance(value, dt.date) else value


def flatten(row):
    """Return a row of a struct with the keys of its structs, joined by a dot; a null struct has null for each key."""
    keys = {field.name for field in FORMS["threads"].field("thread").type.value_type.field("actions").type}
    flat = {}
    for name, value in row.items():
        if name == "actions":
            flat |= {f"{name}.{key}": (value or {}).get(key) for key in keys}
        else:
            flat[name] = value
    return flat
