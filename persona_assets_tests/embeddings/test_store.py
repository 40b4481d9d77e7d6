"""Vectors are kept by what their text is."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.embeddings.store import VectorStore, hash_texts, prune_store
from persona_assets.errors import StorageError

TEXTS = ["a", "b", "c", "", "\N{GRINNING FACE}"]


def open_store(root, *, dtype="float32", **key):
    return VectorStore(root, key={"model": "m", **key}, dimensions=3, dtype=dtype)


def vectors_for(texts):
    """Vectors that tell their text."""
    return np.array([[len(text), sum(map(ord, text)), 1] for text in texts], np.float32).reshape(-1, 3)


def look_up(store, texts):
    """The vector found of each text, None where there is none."""
    found = dict.fromkeys(range(len(texts)))
    for rows, vectors in store.find(hash_texts(texts)):
        assert all(found[row] is None for row in rows.tolist())
        found.update(zip(rows.tolist(), vectors.tolist(), strict=True))
    return list(found.values())


def test_what_was_kept_is_found_by_text_and_nothing_else_is(tmp_path):
    open_store(tmp_path).keep(hash_texts(TEXTS[:3]), vectors_for(TEXTS[:3]))

    found = look_up(open_store(tmp_path), ["c", "x", "a", ""])

    assert found == [vectors_for(["c"])[0].tolist(), None, vectors_for(["a"])[0].tolist(), None]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.text(max_size=3), unique=True, min_size=1), max_size=4),
    st.lists(st.text(max_size=3), unique=True),
)
def test_each_text_kept_in_any_chunk_is_found_once(chunks, asked):
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        for chunk in chunks:
            store.keep(hash_texts(chunk), vectors_for(chunk))

        found = look_up(store, asked)

    kept = {text for chunk in chunks for text in chunk}
    assert found == [vectors_for([text])[0].tolist() if text in kept else None for text in asked]


@pytest.mark.parametrize("other", [{"prefix": "query: "}, {"dtype": "float16"}, {"model": "n"}])
def test_vectors_made_in_another_way_are_not_found(tmp_path, other):
    open_store(tmp_path).keep(hash_texts(TEXTS), vectors_for(TEXTS))

    assert look_up(open_store(tmp_path, **other), TEXTS) == [None] * len(TEXTS)


def test_the_same_chunk_twice_is_one_file_of_the_same_bytes(tmp_path):
    for _ in range(2):
        open_store(tmp_path).keep(hash_texts(TEXTS), vectors_for(TEXTS))

    assert sorted(file.suffix for file in tmp_path.glob("*/*")) == [".hashes", ".json", ".vectors"]


def test_vectors_without_hashes_are_those_of_a_killed_run_and_are_passed_by(tmp_path):
    store = open_store(tmp_path)
    store.keep(hash_texts(TEXTS), vectors_for(TEXTS))
    for file in tmp_path.glob("*/*.hashes"):
        file.unlink()

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_a_damaged_file_is_an_error_that_names_the_remedy(tmp_path):
    store = open_store(tmp_path)
    store.keep(hash_texts(TEXTS), vectors_for(TEXTS))
    for file in tmp_path.glob("*/*.vectors"):
        file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(StorageError, match="delete it"):
        look_up(store, TEXTS)


def test_old_chunks_are_pruned_and_new_ones_stay(tmp_path):
    store = open_store(tmp_path)
    store.keep(hash_texts(["old"]), vectors_for(["old"]))
    (folder,) = tmp_path.iterdir()
    for name, size in ((".killed.vectors.1", 5), ("without hashes.vectors", 7)):
        (folder / name).write_bytes(bytes(size))
    for file in folder.iterdir():
        os.utime(file, (1, 1))
    store.keep(hash_texts(["new"]), vectors_for(["new"]))

    assert prune_store(tmp_path, before=2) == 16 + 12 + 5 + 7

    assert sorted(file.suffix for file in folder.iterdir()) == [".hashes", ".json", ".vectors"]

    assert look_up(store, ["old", "new"]) == [None, vectors_for(["new"])[0].tolist()]


def test_a_folder_that_is_not_there_has_nothing_to_prune(tmp_path):
    assert prune_store(tmp_path / "none", before=2) == 0
