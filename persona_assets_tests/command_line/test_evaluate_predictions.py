"""A data set is found below PERSONA_DATA, and baselines and files of predictions are scored on it."""

import json

import pytest

from persona_assets.command_line.evaluate_predictions import find_latest_dataset, score_baselines_and_predictions
from persona_assets.errors import EvaluationError
from persona_assets.evaluation.evaluate import ScoringOptions
from persona_assets.evaluation.rows import read_rows
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.evaluation.builders import plant, store


def test_the_last_data_set_is_found(tmp_path):
    for day in ("2025-03-02", "2025-03-01"):
        (tmp_path / "dataset" / day).mkdir(parents=True)

    assert find_latest_dataset(str(tmp_path)).name == "2025-03-02"


@pytest.mark.parametrize(("data", "message"), [("s3://bucket/data", "not a local path"), ("", "no data set")])
def test_without_a_data_set_the_error_says_what_to_do(tmp_path, monkeypatch, data, message):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(EvaluationError, match=message):
        find_latest_dataset(data)


def test_baselines_and_files_are_scored_with_the_model_of_the_settings(tmp_path):
    store(plant(300)[0], tmp_path / "data")
    test = read_rows(tmp_path / "data")["test"]
    file = tmp_path / "mine.jsonl"
    lines = zip(test.line_ids.tolist(), test.actions.tolist(), test.texts, strict=True)
    file.write_text("".join(json.dumps({"line_id": i, "action": a, "text": t}) + "\n" for i, a, t in lines), "utf-8")
    settings = read_settings({"PERSONA_MODEL": str(make_model(tmp_path / "model")), "PERSONA_DEVICE": "cpu"})

    scores = score_baselines_and_predictions(tmp_path / "data", {"mine": file}, settings, ScoringOptions(samples=10))

    assert [one.name for one in scores][-1] == "mine"
    assert scores[-1].macro_f1_rare.value == 1
    assert scores[-1].cosine.value == pytest.approx(1, abs=0.01)
    without = score_baselines_and_predictions(tmp_path / "data", {}, None, ScoringOptions(samples=10))
    assert [one.cosine for one in without] == [None] * 4
