"""The command `python -m persona_assets.evaluate`."""

import json

import pytest

from persona_assets.evaluate import main
from persona_assets_tests.evaluation.builders import plant, store


def test_it_prints_a_table_and_writes_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path))
    store(plant(300)[0], tmp_path / "dataset" / "2025-03-01")

    status = main(["--samples", "10", "--no-vectors", "--out", str(tmp_path / "scores.json")])

    assert status == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 6  # heads, rule, four baselines
    assert "| persona prior |" in table[3]
    written = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert written["dataset"] == "2025-03-01"
    assert len(written["models"]) == 4


def test_an_error_is_one_line_and_status_1(tmp_path, capsys):
    assert main([str(tmp_path), "--out", str(tmp_path / "scores.json")]) == 1
    assert "has no rows of next_action" in capsys.readouterr().err
    assert not (tmp_path / "scores.json").exists()


def test_a_file_needs_a_name(tmp_path):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--predictions", "mine.jsonl"])
