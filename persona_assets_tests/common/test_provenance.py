"""Provenance is stored with each result, includes upstream steps, and does not depend on the machine."""

import json

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import PROVENANCE_KEY, build_provenance, read_provenance, with_provenance

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]


def day_file(folder, day, made, schema=tables.ENGLISH_USERS):
    """A stored table of one day."""
    write_parquet(folder / f"{day}.parquet", with_provenance(schema, made), [schema.empty_table()])
    return folder / f"{day}.parquet"


def test_a_file_has_provenance_and_keeps_its_other_metadata(tmp_path):
    made = build_provenance(
        "embeddings", days=DAYS[:1], settings={"model": "m", "max_tokens": 128}, libraries=["numpy"]
    )
    schema = tables.add_vector_model(tables.embeddings_schema(2), "m")

    found = pq.read_schema(day_file(tmp_path, DAYS[0], made, schema))

    assert read_provenance(found) == made
    assert tables.read_vector_model(found) == "m"
    assert json.loads(found.metadata[PROVENANCE_KEY])["steps"]["embeddings"] == [
        {"settings": {"max_tokens": 128, "model": "m"}, "versions": made["steps"]["embeddings"][0]["versions"]}
    ]
    assert set(made["steps"]["embeddings"][0]["versions"]) == {"persona_assets", "pyarrow", "numpy"}


def test_the_metadata_key_is_the_published_one():
    metadata = with_provenance(pa.schema([]), build_provenance("clusters", days=DAYS)).metadata

    assert list(metadata) == [b"persona_assets.provenance"]


def test_the_order_of_settings_changes_no_byte():
    one, other = (
        with_provenance(pa.schema([]), build_provenance("a", days=DAYS, settings=settings)).metadata
        for settings in ({"seed": 1, "model": "m"}, {"model": "m", "seed": 1})
    )
    assert one == other


def test_a_step_has_the_distinct_steps_of_its_inputs(tmp_path):
    ways = [{"language": "en"}, {"language": "de"}, {"language": "en"}]
    files = [
        day_file(tmp_path, day, build_provenance("english_posts", days=[day], settings=way))
        for day, way in zip(DAYS, ways, strict=True)
    ]
    users = build_provenance("english_users", days=DAYS, over_window=[pads.dataset(files)])
    made = build_provenance("clusters", days=DAYS, settings={"seed": 3}, inputs=[with_provenance(pa.schema([]), users)])

    assert list(made["steps"]) == ["english_posts", "english_users", "clusters"]
    assert [step["settings"] for step in made["steps"]["english_posts"]] == [{"language": "de"}, {"language": "en"}]
    assert made["steps"]["clusters"][0]["settings"] == {"seed": 3}


def test_the_window_and_its_missing_days_are_recorded(tmp_path):
    files = [day_file(tmp_path, day, None) for day in (DAYS[0], DAYS[2])]

    made = build_provenance("clusters", days=DAYS, over_window=[pads.dataset(files)])

    assert made["window"] == {"from": DAYS[0], "to": DAYS[2], "days": 3, "missing": [DAYS[1]]}
    assert list(made["steps"]) == ["clusters"]


@pytest.mark.parametrize("noted", [tables.CLUSTERS, tables.CLUSTERS.empty_table()])
def test_without_provenance_a_table_is_unchanged(noted):
    assert with_provenance(noted, None) is noted


def test_tables_of_older_versions_have_no_provenance():
    assert read_provenance(tables.CLUSTERS) is None
