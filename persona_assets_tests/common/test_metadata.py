"""Dagster metadata: counts, costs, provenance and column schemas."""

import datetime as dt

import dagster as dg
import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.common.columns import column, describe_columns
from persona_assets.common.metadata import (
    build_column_schema,
    build_count_table,
    build_phase_table,
    build_text_table,
    measuring_time_and_memory,
    provenance_table,
    shorten_number,
    window_and_missing_days_metadata,
)
from persona_assets.common.progress import PhaseTotals, phase
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions, trailing_window


def test_counts_are_a_table_in_descending_order():
    table = build_count_table({"b": 1, "a": 1, "c": 5}, of="reason")

    assert [record.data for record in table.records] == [
        {"reason": "c", "count": 5},
        {"reason": "a", "count": 1},
        {"reason": "b", "count": 1},
    ]


def test_a_block_has_its_seconds_and_peak_memory():
    with measuring_time_and_memory(print) as cost:
        sum(range(1000))

    assert cost["seconds"] >= 0
    assert cost["peak_memory_mib"] > 1


def test_a_block_has_a_table_of_its_phases():
    with measuring_time_and_memory(print) as cost, phase("parsing", what="lines") as parsed:
        parsed.add(5)

    rows = [record.data for record in cost["progress"].records]
    assert [(row["phase"], row["done"]) for row in rows] == [("parsing (lines)", 5), ("other work", None)]
    assert rows[0]["seconds"] >= 0
    assert rows[0]["rate"].endswith("/s")


def test_rates_of_phases_are_readable():
    table = build_phase_table([PhaseTotals("searching", "files", 4, 10.04), PhaseTotals("sorting", "", 0, 3)])

    assert [record.data for record in table.records] == [
        {"phase": "searching (files)", "done": 4, "seconds": 10.0, "rate": "2.5 s each"},
        {"phase": "sorting", "done": None, "seconds": 3, "rate": ""},
    ]


def test_missing_days_of_a_window_are_in_the_metadata(tmp_path):
    days, seen = daily_partitions(dt.date(2025, 3, 1)), []

    @dg.asset(partitions_def=days)
    def clusters():
        return dg.MaterializeResult(value=tables.CLUSTERS.empty_table())

    @dg.asset(partitions_def=days, ins={"clusters": dg.AssetIn(partition_mapping=trailing_window(3))})
    def reader(context: dg.AssetExecutionContext, clusters):
        seen.append(window_and_missing_days_metadata(context, clusters=clusters))
        return dg.MaterializeResult(value=pa.table({}))

    for day in ("2025-03-01", "2025-03-03"):
        dg.materialize(
            [clusters, reader],
            partition_key=day,
            resources={"io_manager": ParquetIOManager(base=str(tmp_path))},
            raise_on_error=False,  # `reader` returns no table, and its result is not stored
        )

    assert seen == [
        {"window_days": 1, "missing_days": "none"},
        {"window_days": 3, "missing_days": "2025-03-02"},
    ]


def test_provenance_is_a_table_of_the_window_the_settings_and_the_versions():
    before = with_provenance(pa.schema([]), build_provenance("english_posts", days=["2025-03-01"], settings={"a": 1}))
    made = build_provenance("clusters", days=["2025-03-01"], settings={"n_clusters": [2, 8]}, inputs=[before])

    lines = [row.data["how it was made"] for row in provenance_table(made)["provenance"].records]

    assert lines[:4] == ["window of 1 day", "  from: 2025-03-01", "  to: 2025-03-01", "  missing: none"]
    assert lines[4:8] == ["english_posts", "  a: 1", "clusters", "  n_clusters: 2, 8"]
    assert f"  pyarrow: {pa.__version__}" in lines[9:]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (9_999, "9999"),
        (10_000, "10k"),
        (999_999, "999k"),
        (1_000_000, "1.0M"),
        (9_999_999, "9.9M"),
        (10_000_000, "10M"),
        (34_999_999, "34M"),
        (1_200_000_000, "1.2G"),
    ],
)
def test_short_numbers_have_at_most_four_characters(number, shown):
    assert shorten_number(number) == shown


def test_column_schemas_have_types_in_words_and_descriptions():
    (shown,) = build_column_schema(describe_columns(pa.schema([column("users", pa.int64(), "Their number.")]))).columns

    assert (shown.name, shown.type, shown.description) == ("users", "whole number", "Their number.")
    assert shown.constraints.nullable


def test_texts_are_a_table_in_their_order():
    table = build_text_table({"b": "failed: 2", "a": "passed: 0"}, of="check", shows="verdict")

    assert [dict(row.data) for row in table.records] == [
        {"check": "b", "verdict": "failed: 2"},
        {"check": "a", "verdict": "passed: 0"},
    ]
    assert [column.name for column in table.schema.columns] == ["check", "verdict"]
