"""How a result was made: kept with it, handed on, and the same wherever it is made."""

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
    """A stored table of a day."""
    write_parquet(folder / f"{day}.parquet", with_provenance(schema, made), [schema.empty_table()])
    return folder / f"{day}.parquet"


def test_a_file_says_how_it_was_made_and_keeps_what_it_said_before(tmp_path):
    made = build_provenance(
        "embeddings", days=DAYS[:1], settings={"model": "m", "max_tokens": 128}, libraries=["numpy"]
    )
    schema = tables.with_vector_model(tables.embeddings_schema(2), "m")

    found = pq.read_schema(day_file(tmp_path, DAYS[0], made, schema))

    assert read_provenance(found) == made
    assert tables.vector_model(found) == "m"
    assert json.loads(found.metadata[PROVENANCE_KEY])["steps"]["embeddings"] == [
        {"settings": {"max_tokens": 128, "model": "m"}, "versions": made["steps"]["embeddings"][0]["versions"]}
    ]
    assert set(made["steps"]["embeddings"][0]["versions"]) == {"persona_assets", "pyarrow", "numpy"}


def test_stored_files_have_it_under_the_key_that_others_read():
    metadata = with_provenance(pa.schema([]), build_provenance("clusters", days=DAYS)).metadata

    assert list(metadata) == [b"persona_assets.provenance"]


def test_the_order_in_which_settings_are_named_changes_no_byte():
    one, other = (
        with_provenance(pa.schema([]), build_provenance("a", days=DAYS, settings=settings)).metadata
        for settings in ({"seed": 1, "model": "m"}, {"model": "m", "seed": 1})
    )
    assert one == other


def test_a_step_hands_on_what_was_done_before_it_each_way_once(tmp_path):
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


def test_the_window_and_its_holes_are_named(tmp_path):
    files = [day_file(tmp_path, day, None) for day in (DAYS[0], DAYS[2])]

    made = build_provenance("clusters", days=DAYS, over_window=[pads.dataset(files)])

    assert made["window"] == {"from": DAYS[0], "to": DAYS[2], "days": 3, "missing": [DAYS[1]]}
    assert list(made["steps"]) == ["clusters"]


@pytest.mark.parametrize("noted", [tables.CLUSTERS, tables.CLUSTERS.empty_table()])
def test_nothing_is_noted_of_what_nobody_told(noted):
    assert with_provenance(noted, None) is noted


def test_tables_of_before_say_nothing():
    assert read_provenance(tables.CLUSTERS) is None
