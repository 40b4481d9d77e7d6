"""`persona-rehydrate` fills a data set from stored actions or a capture, whole or not at all."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from persona_assets import tables
from persona_assets.assets.dataset import build as build_module
from persona_assets.command_line.rehydrate import main
from persona_assets.common import progress
from persona_assets_tests.assets.dataset.builders import keep_all, release, rows_of, window

DAY = "2025-03-01"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    return release(*window(), tmp_path)[0]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_texts_come_from_the_stored_actions(folder, tmp_path):
    rows = [{name: row.get(name) for name in tables.USER_ACTIONS.names} for row in window()[0]]
    stored = tmp_path / "data" / "user_actions" / f"{DAY}.parquet"
    stored.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, tables.USER_ACTIONS), stored)

    result = run(folder, tmp_path / "out")

    assert result.exit_code == 0, result.output
    filled = rows_of(tmp_path / "out", "rehydrated")
    assert f"{len(filled)} of {len(filled)} lines filled" in result.output
    assert "Left out" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def event(row):
    """Return the Jetstream event of a post."""
    _, _, user, collection, key = row["uri"].split("/")
    record = {"$type": collection, "text": row["text"] or "", "createdAt": "2025-03-01T00:00:00Z", "langs": ["en"]}
    commit = {"rev": "3l", "operation": "create", "collection": collection, "rkey": key, "record": record}
    return {"did": user, "time_us": 1_740_787_200_000_000 + row["event_time_us"], "kind": "commit", "commit": commit}


def test_texts_come_from_a_capture(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "LOG_INTERVAL_SECONDS", 0.001)
    capture = tmp_path / "capture" / DAY
    capture.mkdir(parents=True)
    posts = [row for row in window()[0] if row["action"] in tables.MESSAGES]
    (capture / "00.jsonl").write_text("".join(f"{json.dumps(event(row))}\n" for row in posts), encoding="utf-8")

    result = run(folder, tmp_path / "out", "--capture", tmp_path / "capture", "--from", DAY, "--to", DAY)

    assert result.exit_code == 0, result.output
    assert "finding texts" in result.stderr
    assert "finding texts" not in result.stdout
    assert any("hello world" in row["texts"] for row in rows_of(tmp_path / "out", "rehydrated"))


def test_without_a_source_nothing_appears(folder, tmp_path):
    result = run(folder, tmp_path / "out")
    assert result.exit_code == 1
    assert "has no stored days" in result.output
    result = run(folder, tmp_path / "out", "--capture", tmp_path)
    assert "needs --from and --to" in result.output
    assert not (tmp_path / "out").exists()
