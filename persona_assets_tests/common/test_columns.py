"""Every column of every table has a description and a type in words."""

import importlib

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.common.columns import (
    column,
    describe_columns,
    read_description,
    required_column,
    type_in_plain_words,
)
from persona_assets.common.parquet_files import write_parquet
from persona_assets.definitions import STEPS
from persona_assets.io_managers.persona_files import SMALL_TABLES

TABLES = [
    table
    for step in STEPS
    for table in importlib.import_module(f"persona_assets.assets.{step}.stored_tables").STORED_TABLES
]
STORED = {**{table.name: table.schema for table in TABLES}, **SMALL_TABLES}


def test_the_main_table_of_each_step_is_checked_against_its_declared_schema():
    main = {table.name: table.schema for table in TABLES if table.name in STEPS and table.name != "cluster_stats"}

    for name, schema in main.items():
        widened = schema.append(pa.field("more", pa.int64()))
        assert tables.expected_schema(name, widened).names == schema.names


@pytest.mark.parametrize("table", STORED)
def test_every_column_of_every_stored_table_is_described_in_a_sentence(table):
    for name, kind, description, _ in describe_columns(STORED[table]):
        assert description, name
        assert description.endswith("."), name
        assert kind, name


@pytest.mark.parametrize("table", STORED)
def test_descriptions_are_in_the_stored_file_and_its_dataset(tmp_path, table):
    schema = STORED[table]
    write_parquet(tmp_path / "day.parquet", schema, [schema.empty_table().replace_schema_metadata({})])

    for found in (pq.read_schema(tmp_path / "day.parquet"), pads.dataset(tmp_path / "day.parquet").schema):
        assert [read_description(field) for field in found] == [read_description(field) for field in schema]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("text", pa.string(), "text"),
        ("action", tables.CLOSED_SET, "text, one of a few"),
        ("users", pa.int32(), "whole number"),
        ("event_time_us", pa.int64(), "time in microseconds (UTC)"),
        ("share", pa.float64(), "number"),
        ("day", pa.date32(), "day"),
        ("raw", pa.binary(), "bytes"),
        ("is_english", pa.bool_(), "true or false"),
        ("langs", pa.list_(pa.string()), "list of text"),
        ("levels", pa.list_(pa.int32()), "list of whole numbers"),
        ("topics", pa.list_(pa.list_(pa.string())), "list of lists of text"),
        ("vector", pa.list_(pa.float16(), 384), "vector of 384 numbers"),
    ],
)
def test_types_are_described_in_words(name, kind, words):
    assert type_in_plain_words(column(name, kind, "Something.")) == words


def test_an_unknown_type_is_an_error():
    with pytest.raises(ValueError, match="no words are known for the type duration"):
        type_in_plain_words(column("waited", pa.duration("us"), "How long."))


def test_required_columns_are_not_nullable_and_others_are():
    assert not required_column("a", pa.string(), "A.").nullable
    assert column("a", pa.string(), "A.").nullable


def test_a_column_without_metadata_has_no_description():
    assert read_description(pa.field("a", pa.string())) is None
