"""Rows and predictions are read, and what cannot be used is an error that says so."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets.errors import EvaluationError
from persona_assets.evaluation.rows import MAX_TEXT_CHARACTERS, read_next_action_splits, read_predictions, to_rows
from persona_assets_tests.evaluation.builders import plant, store


@pytest.fixture
def folder(tmp_path):
    store(plant(120)[0], tmp_path)
    return tmp_path


def write_lines(file, lines):
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n", "utf-8")
    return file


def test_the_rows_of_all_personas_are_read_by_split(folder):
    splits = read_next_action_splits(folder)

    assert set(splits) == {"train", "validation", "test"}
    assert sorted(np.concatenate([rows.line_ids for rows in splits.values()])) == list(range(120))
    test = splits["test"]
    assert set(test.personas) <= {"0", "1", "2", "3"}
    assert test.contexts[0].startswith("@user1: ")
    assert test.asks_for_action.all()
    assert (test.hours >= 0).all()
    assert (test.frequent == np.isin(test.actions, ["like", "repost"])).all()


def test_a_data_set_may_lack_time_and_task_and_have_rows_that_ask_for_texts():
    table = plant(12)[0]
    assert to_rows(table.drop_columns(["time", "task"])).hours is None
    assert to_rows(table.drop_columns(["time", "task"])).asks_for_action.all()
    replies = table.drop_columns("task").append_column("task", pa.array(["reply"] * 12))
    assert not to_rows(replies).asks_for_action.any()


def test_long_contexts_lose_their_beginning():
    table = plant(1)[0].to_pylist()
    table[0]["context"] = [{"role": "user", "content": "x" * 9000}, {"role": "user", "content": "last"}]

    (context,) = to_rows(pa.Table.from_pylist(table, schema=plant(1)[0].schema)).contexts

    assert (len(context), context[-5:]) == (MAX_TEXT_CHARACTERS, "\nlast")


def test_the_card_of_the_persona_is_no_part_of_the_context():
    table = plant(1)[0].to_pylist()
    table[0]["context"] = [{"role": "system", "content": "You bake."}, {"role": "user", "content": "@user1: hello"}]

    (context,) = to_rows(pa.Table.from_pylist(table, schema=plant(1)[0].schema)).contexts

    assert context == "@user1: hello"


def test_a_folder_without_the_form_or_with_another_is_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="has no rows of next_action"):
        read_next_action_splits(tmp_path)
    (tmp_path / "next_action").mkdir()
    pq.write_table(plant(3)[0].drop_columns(["action", "text"]), tmp_path / "next_action" / "test.parquet")
    with pytest.raises(EvaluationError, match="lacks action, text"):
        read_next_action_splits(tmp_path)
    pq.write_table(pa.concat_tables([plant(3)[0]] * 2), tmp_path / "next_action" / "test.parquet")
    with pytest.raises(EvaluationError, match="several rows of one line_id"):
        read_next_action_splits(tmp_path)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_predictions_are_put_in_the_order_of_rows_and_what_is_missing_is_counted(tmp_path, form):
    rows = to_rows(plant(4)[0])
    lines = [
        {"line_id": 2, "action": "like", "text": "hello"},
        {"line_id": 0, "action": "follow", "text": None},
        {"line_id": 99, "action": "like", "text": None},
        {"line_id": 1, "action": None, "text": "only a text"},
    ]
    file = tmp_path / f"predictions.{form}"
    if form == "jsonl":
        write_lines(file, lines)
    else:
        pq.write_table(pa.Table.from_pylist(lines), file)

    found = read_predictions(file, rows)

    assert found.actions.tolist() == ["follow", "", "like", ""]
    assert found.texts == [None, "only a text", "hello", None]
    assert (found.missing, found.unknown, found.as_persona) == (1, 1, None)


def test_predictions_as_another_persona_are_kept_apart(tmp_path):
    rows = to_rows(plant(2)[0])
    lines = [
        {"line_id": 0, "action": "like"},
        {"line_id": 0, "action": "follow", "as_persona": 1},
        {"line_id": 1, "action": "quote", "as_persona": "1"},
    ]

    found = read_predictions(write_lines(tmp_path / "predictions.jsonl", lines), rows)

    assert found.actions.tolist() == ["like", ""]
    assert {name: acts.tolist() for name, acts in found.as_persona.items()} == {"1": ["follow", "quote"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"line_id": 0, "action": "like"}\n{"line_id": 0, "action": "like"}', "two predictions for one line_id"),
        ('{"line_id": 0, "action": "like"}\n{"line_id": "secret"}', "line 2, is no object with line_id"),
        ("[1]", "line 1, is no object"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_without_its_content(tmp_path, content, message):
    file = tmp_path / "predictions.jsonl"
    file.write_text(content, "utf-8")

    with pytest.raises(EvaluationError, match=message) as caught:
        read_predictions(file, to_rows(plant(2)[0]))
    assert "secret" not in str(caught.value)


def test_a_missing_file_or_one_without_columns_is_an_error(tmp_path):
    rows = to_rows(plant(2)[0])
    with pytest.raises(EvaluationError, match="does not exist"):
        read_predictions(tmp_path / "none.jsonl", rows)
    pq.write_table(pa.table({"action": ["like"]}), tmp_path / "other.parquet")
    with pytest.raises(EvaluationError, match="needs the columns line_id"):
        read_predictions(tmp_path / "other.parquet", rows)
