"""The IO manager for reports replaces the folder of a report atomically."""

import datetime as dt

import dagster as dg
import pytest

from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.report_folders import ReportIOManager
from persona_assets.partitions import daily_partitions

DAY = "2025-03-01"


def store(files, base):
    @dg.asset(partitions_def=daily_partitions(dt.date(2025, 3, 1)), io_manager_key="report")
    def cluster_stats():
        return dg.MaterializeResult(value=files)

    resources = {"report": ReportIOManager(base=str(base), scratch=Scratch())}
    return dg.materialize([cluster_stats], partition_key=DAY, resources=resources)


def test_files_are_written_unchanged_and_old_ones_are_removed(tmp_path):
    store({"stats.json": b"{}", "old.png": b"png"}, tmp_path)
    store({"stats.json": b"{1}", "report.md": b"# Report"}, tmp_path)

    folder = tmp_path / "cluster_stats" / DAY
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "stats.json": b"{1}",
        "report.md": b"# Report",
    }


def test_an_error_while_writing_a_report_leaves_the_old_one(tmp_path):
    store({"stats.json": b"{}"}, tmp_path)
    with pytest.raises(TypeError):
        store({"stats.json": b"{1}", "report.md": None}, tmp_path)

    assert [entry.name for entry in (tmp_path / "cluster_stats").iterdir()] == [DAY]
    assert (tmp_path / "cluster_stats" / DAY / "stats.json").read_bytes() == b"{}"
