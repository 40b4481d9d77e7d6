"""The command `python -m persona_assets.evaluate`."""

import json

import pytest

from persona_assets.common import progress
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


def test_the_card_is_written_only_if_asked_for(tmp_path, capsys):
    folder = tmp_path / "2025-03-01"
    store(plant(300)[0], folder)
    (folder / "README.md").write_text("# Card\n", "utf-8")
    command = [str(folder), "--samples", "10", "--no-vectors", "--out", str(tmp_path / "scores.json")]

    assert main(command) == 0
    assert (folder / "README.md").read_text("utf-8") == "# Card\n"
    capsys.readouterr()
    assert main([*command, "--write-card"]) == 0

    assert capsys.readouterr().out in (folder / "README.md").read_text("utf-8")


def test_a_data_set_without_a_card_is_one_line_and_status_1(tmp_path, capsys):
    store(plant(300)[0], tmp_path / "data")
    command = [str(tmp_path / "data"), "--samples", "10", "--no-vectors", "--out", str(tmp_path / "scores.json")]

    assert main([*command, "--write-card"]) == 1
    assert "has no README.md" in capsys.readouterr().err


def test_progress_goes_to_standard_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LOG_INTERVAL_SECONDS", 0.001)
    store(plant(300)[0], tmp_path / "data")

    assert main([str(tmp_path / "data"), "--no-vectors", "--out", str(tmp_path / "scores.json")]) == 0

    shown = capsys.readouterr()
    assert "/4 baselines" in shown.err
    assert "/4 models" in shown.err
    assert "/1,000 samples" in shown.err
    assert "baselines" not in shown.out
