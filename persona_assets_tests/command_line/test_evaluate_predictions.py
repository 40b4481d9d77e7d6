"""A data set is found below PERSONA_DATA, and baselines and files of predictions are scored on it."""

import json

import pytest
from upath import UPath

from persona_assets.command_line.evaluate_predictions import (
    find_latest_dataset,
    score_baselines_and_predictions,
    write_into_card,
)
from persona_assets.errors import EvaluationError
from persona_assets.evaluation.evaluate import ScoringOptions
from persona_assets.evaluation.rows import read_next_action_splits
from persona_assets.io_managers.folder_checksums import read_checksum_file, verify_listed_files, write_checksum_file
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
    test = read_next_action_splits(tmp_path / "data")["test"]
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


def test_the_card_of_the_data_set_gets_the_scores_and_its_checksums_stay_true(tmp_path):
    folder = tmp_path / "2025-03-01"
    store(plant(300)[0], folder)
    (folder / "README.md").write_text("# Card\n", "utf-8")
    write_checksum_file(folder, {})
    scores = score_baselines_and_predictions(folder, {}, None, ScoringOptions(samples=10))
    settings = read_settings({"PERSONA_MODEL": "/home/somebody/small-model"})

    write_into_card(folder, scores, ScoringOptions(samples=10), settings)
    write_into_card(folder, scores, ScoringOptions(samples=10), settings)

    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith("# Card\n")
    assert card.count("| persona prior |") == 1
    assert "`small-model`" in card
    assert "somebody" not in card
    verify_listed_files(UPath(folder), read_checksum_file(UPath(folder)))
