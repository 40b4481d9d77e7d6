"""The schemas of tables, and the errors for tables that differ from them."""

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pytest

from persona_assets import tables
from persona_assets.common.columns import require_schema
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import SchemaError

# Columns that scripts outside the project read.
CONTRACT = {
    "user_actions": "user_id action event_time_us uri text langs parent_uri root_uri quoted_uri target_uri "
    "target_user_id",
    "english_posts": "uri user_id text event_time_us language_reason",
    "english_users": "user_id posts english_posts",
    "clusters": "user_id cluster_id similarity",
    "rejected_lines": "source_file line_number reason raw",
}


@pytest.mark.parametrize(("table", "columns"), CONTRACT.items())
def test_the_columns_that_others_rely_on_are_there(table, columns):
    schema = tables.expected_schema(table, pa.schema([]))

    assert set(columns.split()) <= set(schema.names)


def test_a_stored_table_has_the_last_column_day_and_keeps_its_metadata():
    schema = tables.add_vector_model(tables.embeddings_schema(2, pa.float32()), "one")
    table = pa.Table.from_pylist([{"uri": "a", "user_id": "b", "vector": [1.0, 0.0]}], schema=schema)

    stored = tables.add_day_column(table, dt.date(2025, 3, 1))

    assert stored.schema.equals(tables.add_day_field(schema), check_metadata=True)
    assert tables.read_vector_model(stored.schema) == "one"
    assert stored["day"].to_pylist() == [dt.date(2025, 3, 1)]
    assert tables.DAY.type == tables.LINEAGE.field("day").type


@pytest.mark.parametrize("element", [pa.float16(), pa.float32()])
def test_embeddings_may_have_any_width_in_two_precisions(element):
    schema = tables.embeddings_schema(384, element)

    assert tables.expected_schema("embeddings", schema) == schema
    assert tables.read_vector_width(schema) == 384


def test_the_model_of_vectors_is_in_the_metadata_and_changes_no_schema(tmp_path):
    schema = tables.add_vector_model(tables.embeddings_schema(2, pa.float32()), "one")
    write_parquet(tmp_path / "day.parquet", schema, [schema.empty_table()])

    found = pads.dataset(tmp_path / "day.parquet").schema
    assert tables.read_vector_model(found) == "one"
    require_schema(found, tables.embeddings_schema(2, pa.float32()), table="embeddings")


def test_vectors_without_metadata_have_an_unknown_model():
    assert tables.read_vector_model(tables.add_vector_model(tables.centres_schema(2), None)) is None


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 4), pa.list_(pa.int8(), 4)], ids=str)
def test_vectors_of_another_type_are_refused(kind):
    with pytest.raises(SchemaError):
        tables.expected_schema("embeddings", pa.schema([pa.field("vector", kind)]))


def test_a_schema_error_names_each_differing_column():
    found = pa.schema([pa.field("user_id", pa.string()), pa.field("persona", pa.int32())])

    with pytest.raises(SchemaError) as caught:
        require_schema(found, tables.CLUSTERS, table="clusters")

    message = str(caught.value)
    assert message.startswith("clusters: ")
    assert all(part in message for part in ("cluster_id: int32 not null", "'persona: int32'"))


def test_another_order_of_columns_is_a_schema_error():
    turned = pa.schema(list(tables.CLUSTERS)[::-1])

    with pytest.raises(SchemaError, match="the order of columns differs"):
        require_schema(turned, tables.CLUSTERS, table="clusters")


def test_an_undeclared_table_may_have_any_columns():
    own = pa.schema([("user_id", pa.string()), ("words", pa.int64())])

    assert tables.expected_schema("own", own) == own
    assert tables.expected_schema("own", tables.add_day_field(own)) == own


def test_reading_one_action_touches_the_row_groups_of_that_action_alone(tmp_path):
    rows = [
        {"user_id": "u", "action": action, "event_time_us": number} for action in tables.ACTIONS for number in range(10)
    ]
    table = pa.Table.from_pylist(rows, schema=tables.USER_ACTIONS)
    write_parquet(tmp_path / "day.parquet", tables.USER_ACTIONS, [table], max_group_rows=10)

    (fragment,) = pads.dataset(tmp_path / "day.parquet").get_fragments()

    for number, action in enumerate(tables.ACTIONS):
        assert [group.id for group in fragment.subset(pc.field("action") == action).row_groups] == [number]
