"""Runs of jobs one after the other, with what is shown of them. `sample/test_demo.py` runs whole jobs."""

import io
import time

import pytest

from persona_assets.command_line import run_stages
from persona_assets.command_line.run_stages import Stage, StageFailedError, print_finished_stage


def test_what_has_ended_is_shown_with_its_seconds():
    console = io.StringIO()

    print_finished_stage(console, "2025-03-01", time.perf_counter() - 2, "12 events")

    assert console.getvalue() == "  2025-03-01    2.0 s  12 events\n"


def test_an_error_ends_with_the_end_of_the_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))

    with pytest.raises(StageFailedError) as caught, run_stages._showing_log_of_failure(log):
        raise ValueError("a text of somebody")

    assert str(caught.value).startswith("ValueError. ")
    assert str(caught.value).endswith("line 98\nline 99")

    assert "line 79" not in str(caught.value)
    assert "somebody" not in str(caught.value)


def test_no_stage_runs_nothing(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))

    run_stages.run_stages([Stage("prepare_days", "Nothing", [])], tmp_path / "log")

    assert (tmp_path / "log").is_file()
