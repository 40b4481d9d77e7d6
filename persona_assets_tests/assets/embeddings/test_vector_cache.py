"""Vectors are kept by what their text is."""

import os
import random
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.assets.embeddings.prune_cache import prune_store
from persona_assets.assets.embeddings.vector_cache import VectorStore, hash_texts
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


@settings(max_examples=30)
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


def test_a_damaged_file_is_an_error_that_names_it_and_the_remedy(tmp_path):
    store = open_store(tmp_path)
    store.keep(hash_texts(TEXTS), vectors_for(TEXTS))
    (file,) = tmp_path.glob("*/*.vectors")
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(StorageError, match=rf"{file} is damaged.*delete {file.with_suffix('.hashes')} and {file.name}"):
        look_up(store, TEXTS)


@pytest.mark.parametrize("suffix", [".vectors", ".hashes"])
def test_no_flipped_bit_gives_another_vector(suffix, tmp_path):
    texts = [f"text {number}" for number in range(40)]
    store, chance = open_store(tmp_path), random.Random(7)  # noqa: S311 - no secret is made of it
    store.keep(hash_texts(texts), vectors_for(texts))
    (file,) = tmp_path.glob(f"*/*{suffix}")
    whole = file.read_bytes()

    for bit in chance.sample(range(8 * len(whole)), 300):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(StorageError, match="is damaged"):
            look_up(store, texts)

    file.write_bytes(whole)
    assert look_up(store, texts) == vectors_for(texts).tolist()


def test_a_damaged_key_is_written_again(tmp_path):
    open_store(tmp_path)
    (key,) = tmp_path.glob("*/key.json")
    whole = key.read_bytes()
    key.write_bytes(b"x" + whole[1:])

    open_store(tmp_path)

    assert key.read_bytes() == whole


def test_a_chunk_larger_than_a_block_is_found_and_checked_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.assets.embeddings.vector_cache._BLOCK_BYTES", 24)
    texts = [f"text {number}" for number in range(7)]
    store = open_store(tmp_path)
    store.keep(hash_texts(texts), vectors_for(texts))

    assert look_up(store, texts[1::2]) == vectors_for(texts[1::2]).tolist()

    (file,) = tmp_path.glob("*/*.vectors")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="is damaged"):
        look_up(store, texts[:1])


def test_the_same_texts_with_other_vectors_do_not_disturb_a_reader_of_the_first(tmp_path):
    store = open_store(tmp_path)
    for vectors in (vectors_for(TEXTS), vectors_for(TEXTS) + 1):
        store.keep(hash_texts(TEXTS), vectors)

    assert look_up(store, TEXTS) in (vectors_for(TEXTS).tolist(), (vectors_for(TEXTS) + 1).tolist())


def test_a_chunk_whose_vectors_another_run_has_just_pruned_is_missing(tmp_path):
    store = open_store(tmp_path)
    store.keep(hash_texts(TEXTS), vectors_for(TEXTS))
    for file in tmp_path.glob("*/*.vectors"):
        file.unlink()

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_readers_beside_pruners_find_vectors_or_nothing(tmp_path):
    texts = [f"text {number}" for number in range(50)]
    store = open_store(tmp_path)
    stop = threading.Event()

    def prune():
        while not stop.is_set():
            for file in tmp_path.glob("*/*s"):
                with suppress(FileNotFoundError):
                    os.utime(file, (1, 1))
            prune_store(tmp_path, before=2)

    with ThreadPoolExecutor(2) as pool:
        pruners = [pool.submit(prune) for _ in range(2)]
        try:
            for number in range(200):
                store.keep(hash_texts(texts[number % 7 :]), vectors_for(texts[number % 7 :]))
                for found, vector in zip(look_up(store, texts), vectors_for(texts).tolist(), strict=True):
                    assert found in (None, vector)
        finally:
            stop.set()
        assert [pruner.result() for pruner in pruners] == [None, None]


def test_a_name_that_is_not_a_chunks_is_passed_by(tmp_path):
    store = open_store(tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "of somebody.hashes").write_bytes(b"x")

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_a_full_disk_is_said_and_leaves_nothing(small_disk):
    texts = [f"text {number}" for number in range(9000)]
    store = open_store(small_disk)

    with pytest.raises(StorageError, match=f"no space left while writing {small_disk}.*PERSONA_VECTOR_STORE"):
        store.keep(hash_texts(texts), vectors_for(texts))

    assert [file.name for file in small_disk.glob("*/*")] == ["key.json"]
    assert look_up(store, texts[:9]) == [None] * 9


def test_a_disk_that_has_no_room_for_a_folder_is_said(small_disk):
    (small_disk / "full").write_bytes(bytes(48 * 1024))
    for number in range(100):
        try:
            (small_disk / str(number)).write_bytes(b"x")
        except OSError:
            break

    with pytest.raises(StorageError, match="no space left"):
        open_store(small_disk)
