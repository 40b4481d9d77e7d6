"""Rows of the forms say what their lines say."""

import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.release_schemas import ACTION_KEYS
from persona_assets_tests.assets.cluster_jsonl.builders import act_of, is_conversation, uri_of
from persona_assets_tests.assets.dataset.builders import HOUR, ORIGIN, did, keep_all, release, rows_of, window


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    monkeypatch.setattr(build_module, "remove_personal_data", build_module.keep_texts)
    return release(*window(), tmp_path)


def test_prompt_and_completion_are_the_messages(folder):
    for row in rows_of(folder[0], "chat"):
        assert row["prompt"] + row["completion"] == row["messages"]
        assert len(row["completion"]) == 1
        assert (row["day"], row["window_from"]) == ORIGIN
        assert row["time"].timestamp() * 1e6 % HOUR == 0


def test_threads_are_the_lines_of_the_published_form(folder):
    _, _, _, parsed = folder
    lines = [line for cluster in sorted(parsed) for line in parsed[cluster]]

    for row in rows_of(folder[0], "threads"):
        line = lines[row["line_id"]]
        assert [one["text"] for one in row["thread"]] == [one.get("text") for one in line]
        start = min(one["unix_epoch"] for one in line)
        assert [one["relative_integer_time"] for one in row["thread"]] == [
            (one["unix_epoch"] - start) // 1_000_000 for one in line
        ]
        given = {one["user_id"]: name["user_id"] for one, name in zip(line, row["thread"], strict=True)}
        assert [given[one["user_id"]] for one in line] == [one["user_id"] for one in row["thread"]]
        assert len(set(given.values())) == len(given)
        if is_conversation(line):
            assert all(one["actions"] is None for one in row["thread"])
        else:
            assert tuple(row["thread"][-1]["actions"]) == ACTION_KEYS
            assert row["thread"][-1]["actions"] == line[-1]["actions"]
            assert act_of(line) == row["act"]


def test_dehydrated_rows_have_addresses_and_no_text(folder):
    rows = rows_of(folder[0], "dehydrated")

    (follow,) = [row for row in rows if row["act"] == "follow"]
    assert follow["uri"] == uri_of(did("dan"), "f", "follow")
    assert follow["uris"] == [uri_of(did("ann"), "d")]
    assert follow["user_id"] == did("dan")
    assert "hello" not in str(rows)
