"""Addresses get their texts back, without what was deleted since, which is counted."""

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.rehydrate import (
    ACCOUNT_GONE,
    ACT_DELETED,
    MESSAGE_DELETED,
    REHYDRATED,
    UNKNOWN,
    rehydrate,
)
from persona_assets.errors import StorageError
from persona_assets_tests.assets.cluster_jsonl.builders import act, uri_of
from persona_assets_tests.assets.dataset.builders import HOUR, did, keep_all, release, rows_of, window


def actions_of(rows):
    return pads.dataset(
        pa.Table.from_pylist(
            [{name: row.get(name) for name in tables.USER_ACTIONS.names} for row in rows], tables.USER_ACTIONS
        )
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    return release(*window(), tmp_path)[0]


def fill(folder, tmp_path, later=(), rows=None):
    out = tmp_path / "out"
    out.mkdir()
    actions = actions_of([*(window()[0] if rows is None else rows), *later])
    made = rehydrate(folder, actions, out, memory_limit="1GB", scratch=tmp_path)
    return made, rows_of(out, "rehydrated")


def test_all_lines_get_the_texts_of_their_messages(folder, tmp_path):
    made, rows = fill(folder, tmp_path)
    said = {row["uri"]: row["text"] for row in window()[0]}

    assert (made.read, made.written, made.left_out) == (len(rows), len(rows), {})
    assert [row["line_id"] for row in rows] == [row["line_id"] for row in rows_of(folder, "dehydrated")]
    for row in rows:
        assert row["texts"] == [said[uri] for uri in row["uris"]]
    assert {row["act"]: row["text"] for row in rows if row["text"]} == {
        "quote": "see this",
        "profile_update": "write to me@x.org",
    }
    (file, *_) = (tmp_path / "out").rglob("*.parquet")
    assert pq.read_schema(file).equals(REHYDRATED)


def delete(user, key):
    return act(user, "post_delete", HOUR, key=key) | {"uri": uri_of(user, key), "target_uri": uri_of(user, key)}


@pytest.mark.parametrize(
    ("later", "reason", "lost"),
    [
        (delete(did("zed"), "p"), MESSAGE_DELETED, lambda row: uri_of(did("zed"), "p") in row["uris"]),
        (
            act(did("bob"), "unlike", HOUR, key="l"),
            ACT_DELETED,
            lambda row: row["uri"] == uri_of(did("bob"), "l", "like"),
        ),
        (
            act(did("cyd"), "account_status", HOUR) | {"account_status": "deleted"},
            ACCOUNT_GONE,
            lambda row: row["user_id"] == did("cyd"),
        ),
        (
            act(did("zed"), "account_status", HOUR) | {"account_status": "takendown"},
            ACCOUNT_GONE,
            lambda row: uri_of(did("zed"), "p") in row["uris"],
        ),
    ],
)
def test_what_was_deleted_since_is_left_out_and_counted(folder, tmp_path, later, reason, lost):
    made, rows = fill(folder, tmp_path, [later])
    before = rows_of(folder, "dehydrated")

    gone = [row["line_id"] for row in before if lost(row)]
    assert gone
    assert made.left_out == {reason: len(gone)}
    assert [row["line_id"] for row in rows] == [row["line_id"] for row in before if row["line_id"] not in gone]
    assert made.read == made.written + sum(made.left_out.values())


def test_an_account_that_came_back_is_kept(folder, tmp_path):
    states = [
        act(did("cyd"), "account_status", HOUR + n) | {"account_status": s}
        for n, s in enumerate(["deactivated", "active"])
    ]

    assert fill(folder, tmp_path, states)[0].left_out == {}


def test_messages_that_the_source_lacks_are_counted(folder, tmp_path):
    made, rows = fill(folder, tmp_path, rows=[row for row in window()[0] if row["uri"] != uri_of(did("ann"), "a")])

    assert set(made.left_out) == {UNKNOWN}
    assert not any(uri_of(did("ann"), "a") in row["uris"] for row in rows)


def test_the_last_version_of_a_text_is_filled_in(folder, tmp_path):
    edit = act(did("ann"), "post_update", HOUR, key="a", text="hello again") | {"uri": uri_of(did("ann"), "a")}

    _, rows = fill(folder, tmp_path, [edit])

    assert {row["texts"][0] for row in rows if row["uris"][:1] == [uri_of(did("ann"), "a")]} == {"hello again"}


def test_a_folder_without_the_form_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="PERSONA_DATASET_FORMS"):
        rehydrate(tmp_path, actions_of([]), tmp_path, memory_limit="1GB", scratch=tmp_path)
