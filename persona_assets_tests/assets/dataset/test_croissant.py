"""MLCommons' own library validates the metadata."""

import json

import pytest

from persona_assets.assets.dataset.croissant import render_croissant
from persona_assets.assets.dataset.release_schemas import FORMS

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
