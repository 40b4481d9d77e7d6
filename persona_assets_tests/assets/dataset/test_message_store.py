"""Messages have the text, author and thread of their record, and are known to be deleted."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets.assets.dataset.line_batches import find_first_line_ids
from persona_assets.assets.dataset.message_store import find_deleted_acts, load_messages
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.errors import StorageError
from persona_assets_tests.assets.cluster_jsonl.builders import uri_of
from persona_assets_tests.assets.dataset.builders import count_words, did, line_tables, load_store, window


def shout(texts):
    return [text and text.upper() for text in texts], {"email": sum(bool(text) for text in texts)}


def test_each_message_has_what_its_record_says(tmp_path):
    store, _ = load_store(*window(), tmp_path, clean=shout)
    uris = store.uris.to_pylist()

    at = uris.index(uri_of(did("bob"), "b"))
    assert store.texts[at].as_py() == 'WELL "HI" AT JOE@EXAMPLE.ORG'
    assert store.users[int(store.authors[at])].as_py() == did("bob")
    assert store.tokens[at] == 4
    assert store.times[at] == 2_000_000
    assert store.threads[int(store.roots[at])].as_py() == uri_of(did("bob"), "b")  # this record names no root
    quoted = store.quoted[uris.index(uri_of(did("cyd"), "q"))]
    assert store.threads[int(quoted)].as_py() == uri_of(did("ann"), "a")
    assert (store.quoted >= 0).sum() == 1
    assert [uri for uri, gone in zip(uris, store.is_deleted, strict=True) if gone] == [uri_of(did("dan"), "x")]
    assert [uri for uri, has in zip(uris, store.has_text, strict=True) if not has] == [uri_of(did("dan"), "w")]
    assert store.personal_data == {"email": int(store.has_text.sum()) + len(store.own_lines)}


def test_texts_of_acts_follow_those_of_messages(tmp_path):
    store, lines = load_store(*window(), tmp_path, clean=shout)
    rows = lines.to_table().to_pylist()

    own = store.texts[len(store.authors) :].to_pylist()
    assert own == [rows[line]["text"].upper() for line in store.own_lines.tolist()] == ["SEE THIS", "WRITE TO ME@X.ORG"]
    assert [line for line, row in enumerate(rows) if row["text"]] == store.own_lines.tolist()


def test_an_event_of_two_days_is_one_message(tmp_path):
    rows, clusters = window()

    once, _ = load_store(rows, clusters, tmp_path)
    twice, _ = load_store(rows + rows[:3], clusters, tmp_path)

    assert twice.uris.equals(once.uris)
    assert twice.texts.equals(once.texts)


def load_shouted(con, lines, tmp_path):
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    return load_messages(con, find_first_line_ids(lines), clean=shout, count_tokens=count_words, scratch=folder)


def open_all(tables, folder):
    con = open_duckdb(memory_limit="1GB", scratch=folder)
    opened = con.__enter__()
    for name, table in zip(("lines", "line_messages", "user_actions"), tables, strict=False):
        create_dataset_view(opened, name, table)
    opened.register("left_out_posts", pa.table({"uri": pa.array([], pa.string())}))
    return con, opened


def test_messages_that_are_not_in_user_actions_are_an_error(tmp_path):
    lines, messages, actions, _ = line_tables(*window(), tmp_path)
    fewer = pads.dataset(actions.to_table().slice(3))
    context, con = open_all((lines, messages, fewer), tmp_path)

    with pytest.raises(StorageError, match="materialize cluster_jsonl again"):
        load_shouted(con, lines, tmp_path)
    context.__exit__(None, None, None)


def test_an_act_whose_record_was_deleted_is_found_and_its_undoing_is_not(tmp_path):
    lines, messages, actions, _ = line_tables(*window(), tmp_path)
    context, con = open_all((lines, messages, actions), tmp_path)
    load_shouted(con, lines, tmp_path)

    found = find_deleted_acts(con, find_first_line_ids(lines))
    context.__exit__(None, None, None)

    rows = lines.to_table().to_pylist()
    assert {(rows[line]["action"], rows[line]["uri"].split("/")[-1]) for line in found.tolist()} == {
        ("like", "z"),
        ("post", "x"),
        ("post_delete", "x"),
    }
    assert found.dtype == np.int64
