import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.errors import CaptureError
from persona_assets.io_managers.parquet import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets.raw_events.assets import build_raw_events
from persona_assets.raw_events.capture import Capture
from persona_assets.scratch import Scratch
from persona_assets_tests.raw_events.builders import DAY, like, post, write_file


def materialize(capture, data):
    return dg.materialize(
        [build_raw_events(daily_partitions(DAY))],
        partition_key=f"{DAY}",
        resources={
            "capture": Capture(root=str(capture), pattern=None, workers=1),
            "scratch": Scratch(),
            "io_manager": ParquetIOManager(base=str(data)),
        },
    )


def about(result, asset):
    (found,) = [made for made in result.asset_materializations_for_node("raw_events") if made.asset_key.path == [asset]]
    return found.metadata


def test_one_step_writes_both_tables(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [post(), b"bad", like(), b""])

    result = materialize(tmp_path / "capture", tmp_path / "data")

    for name, schema, rows in (("raw_events", tables.RAW_EVENTS, 2), ("rejected_lines", tables.REJECTED_LINES, 2)):
        file = tmp_path / "data" / name / f"{DAY}.parquet"
        tables.require_schema(pq.read_schema(file), schema, table=name)
        assert pq.read_metadata(file).num_rows == rows
        assert about(result, name)["dagster/partition_row_count"].value == rows


def test_metadata_says_what_was_met(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [post("zq zq"), b"bad", like(), b""])

    metadata = about(materialize(tmp_path / "capture", tmp_path / "data"), "raw_events")

    assert {record.data["reason"]: record.data["count"] for record in metadata["dropped"].records} == {
        "not JSON": 1,
        "empty line": 1,
    }
    assert {record.data["kind"] for record in metadata["events"].records} == {
        "app.bsky.feed.post create",
        "app.bsky.feed.like create",
    }
    assert (metadata["files"].value, metadata["lines"].value, metadata["outside_day"].value) == (1, 4, 0)
    assert metadata["hours_without_files"].value.startswith("00, 01, 02, 03, 04, 05, 06, 08")
    assert metadata["seconds"].value > 0
    assert "zq" not in str(metadata)


def test_a_broken_file_fails_a_check_and_not_the_day(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "a", [post()])
    (tmp_path / "capture" / "2025-03-01" / "b.gz").write_bytes(b"\x1f\x8b\x08")

    result = materialize(tmp_path / "capture", tmp_path / "data")

    (check,) = result.get_asset_check_evaluations()
    assert result.success
    assert not check.passed
    assert check.metadata["broken_files"].value == 1


def test_whole_files_pass_the_check(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "a", [post()])

    (check,) = materialize(tmp_path / "capture", tmp_path / "data").get_asset_check_evaluations()

    assert check.passed


def test_a_day_without_files_fails_and_leaves_nothing(tmp_path):
    (tmp_path / "capture").mkdir()

    with pytest.raises(CaptureError, match="no file for 2025-03-01"):
        materialize(tmp_path / "capture", tmp_path / "data")

    assert not (tmp_path / "data").exists()
