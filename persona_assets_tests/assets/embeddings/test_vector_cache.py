"""Vectors are cached by their text."""

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

from persona_assets.assets.embeddings.prune_cache import prune_cache
from persona_assets.assets.embeddings.vector_cache import VectorCache, hash_texts
from persona_assets.errors import StorageError

TEXTS = ["a", "b", "c", "", "\N{GRINNING FACE}"]


def open_store(root, *, dtype="float32", **key):
    return VectorCache(root, key={"model": "m", **key}, dimensions=3, dtype=dtype)


def vectors_for(texts):
    """A vector for each text that identifies it."""
    return np.array([[len(text), sum(map(ord, text)), 1] for text in texts], np.float32).reshape(-1, 3)


def look_up(store, texts):
    """The vector found for each text, None if there is none."""
    found = dict.fromkeys(range(len(texts)))
    for rows, vectors in store.find(hash_texts(texts)):
        assert all(found[row] is None for row in rows.tolist())
        found.update(zip(rows.tolist(), vectors.tolist(), strict=True))
    return list(found.values())


def test_cached_vectors_are_found_by_text_and_others_are_not(tmp_path):
    open_store(tmp_path).add(hash_texts(TEXTS[:3]), vectors_for(TEXTS[:3]))

    found = look_up(open_store(tmp_path), ["c", "x", "a", ""])

    assert found == [vectors_for(["c"])[0].tolist(), None, vectors_for(["a"])[0].tolist(), None]


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.text(max_size=3), unique=True, min_size=1), max_size=4),
    st.lists(st.text(max_size=3), unique=True),
)
def test_each_text_of_any_chunk_is_found_once(chunks, requested):
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder))
        for chunk in chunks:
            store.add(hash_texts(chunk), vectors_for(chunk))

        found = look_up(store, requested)

    cached = {text for chunk in chunks for text in chunk}
    assert found == [vectors_for([text])[0].tolist() if text in cached else None for text in requested]


@pytest.mark.parametrize("other", [{"prefix": "query: "}, {"dtype": "float16"}, {"model": "n"}])
def test_vectors_of_another_model_or_setting_are_not_found(tmp_path, other):
    open_store(tmp_path).add(hash_texts(TEXTS), vectors_for(TEXTS))

    assert look_up(open_store(tmp_path, **other), TEXTS) == [None] * len(TEXTS)


def test_adding_a_chunk_twice_writes_the_same_files(tmp_path):
    for _ in range(2):
        open_store(tmp_path).add(hash_texts(TEXTS), vectors_for(TEXTS))

    assert sorted(file.suffix for file in tmp_path.glob("*/*")) == [".hashes", ".json", ".vectors"]


def test_vectors_without_hashes_as_a_killed_run_leaves_them_are_ignored(tmp_path):
    store = open_store(tmp_path)
    store.add(hash_texts(TEXTS), vectors_for(TEXTS))
    for file in tmp_path.glob("*/*.hashes"):
        file.unlink()

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_a_damaged_file_is_an_error_that_names_it_and_the_remedy(tmp_path):
    store = open_store(tmp_path)
    store.add(hash_texts(TEXTS), vectors_for(TEXTS))
    (file,) = tmp_path.glob("*/*.vectors")
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(StorageError, match=rf"{file} is damaged.*delete {file.with_suffix('.hashes')} and {file.name}"):
        look_up(store, TEXTS)


@pytest.mark.parametrize("suffix", [".vectors", ".hashes"])
def test_a_flipped_bit_is_an_error(suffix, tmp_path):
    texts = [f"text {number}" for number in range(40)]
    store, chance = open_store(tmp_path), random.Random(7)  # noqa: S311 - no secret is made of it
    store.add(hash_texts(texts), vectors_for(texts))
    (file,) = tmp_path.glob(f"*/*{suffix}")
    content = file.read_bytes()

    for bit in chance.sample(range(8 * len(content)), 300):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(StorageError, match="is damaged"):
            look_up(store, texts)

    file.write_bytes(content)
    assert look_up(store, texts) == vectors_for(texts).tolist()


def test_a_damaged_key_is_written_again(tmp_path):
    open_store(tmp_path)
    (key,) = tmp_path.glob("*/key.json")
    content = key.read_bytes()
    key.write_bytes(b"x" + content[1:])

    open_store(tmp_path)

    assert key.read_bytes() == content


def test_a_chunk_larger_than_a_block_is_found_and_verified_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.assets.embeddings.vector_cache._BLOCK_BYTES", 24)
    texts = [f"text {number}" for number in range(7)]
    store = open_store(tmp_path)
    store.add(hash_texts(texts), vectors_for(texts))

    assert look_up(store, texts[1::2]) == vectors_for(texts[1::2]).tolist()

    (file,) = tmp_path.glob("*/*.vectors")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="is damaged"):
        look_up(store, texts[:1])


def test_other_vectors_of_the_same_texts_are_in_other_files(tmp_path):
    store = open_store(tmp_path)
    for vectors in (vectors_for(TEXTS), vectors_for(TEXTS) + 1):
        store.add(hash_texts(TEXTS), vectors)

    assert look_up(store, TEXTS) in (vectors_for(TEXTS).tolist(), (vectors_for(TEXTS) + 1).tolist())


def test_a_chunk_whose_vectors_another_run_has_just_deleted_is_not_found(tmp_path):
    store = open_store(tmp_path)
    store.add(hash_texts(TEXTS), vectors_for(TEXTS))
    for file in tmp_path.glob("*/*.vectors"):
        file.unlink()

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_readers_find_whole_vectors_or_none_while_others_delete_chunks(tmp_path):
    texts = [f"text {number}" for number in range(50)]
    store = open_store(tmp_path)
    stop = threading.Event()

    def prune():
        while not stop.is_set():
            for file in tmp_path.glob("*/*s"):
                with suppress(FileNotFoundError):
                    os.utime(file, (1, 1))
            prune_cache(tmp_path, last_used_before=2)

    with ThreadPoolExecutor(2) as pool:
        pruners = [pool.submit(prune) for _ in range(2)]
        try:
            for number in range(200):
                store.add(hash_texts(texts[number % 7 :]), vectors_for(texts[number % 7 :]))
                for found, vector in zip(look_up(store, texts), vectors_for(texts).tolist(), strict=True):
                    assert found in (None, vector)
        finally:
            stop.set()
        assert [pruner.result() for pruner in pruners] == [None, None]


def test_a_file_with_another_name_is_ignored(tmp_path):
    store = open_store(tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "of somebody.hashes").write_bytes(b"x")

    assert look_up(store, TEXTS) == [None] * len(TEXTS)


def test_a_full_disk_is_an_error_and_leaves_no_files(small_disk):
    texts = [f"text {number}" for number in range(9000)]
    store = open_store(small_disk)

    with pytest.raises(StorageError, match=f"no space left while writing {small_disk}.*PERSONA_VECTOR_STORE"):
        store.add(hash_texts(texts), vectors_for(texts))

    assert [file.name for file in small_disk.glob("*/*")] == ["key.json"]
    assert look_up(store, texts[:9]) == [None] * 9


def test_a_disk_without_space_for_a_folder_is_an_error(small_disk):
    (small_disk / "full").write_bytes(bytes(48 * 1024))
    for number in range(100):
        try:
            (small_disk / str(number)).write_bytes(b"x")
        except OSError:
            break

    with pytest.raises(StorageError, match="no space left"):
        open_store(small_disk)
