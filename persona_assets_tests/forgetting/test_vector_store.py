import os

import numpy as np
import pytest

from persona_assets.assets.embeddings.vector_cache import VectorCache
from persona_assets.common.vector_chunks import hash_texts
from persona_assets.errors import StorageError
from persona_assets.forgetting.vector_store import remove_vectors

TEXTS = ["a", "b", "c"]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def cache(tmp_path):
    cache = VectorCache(tmp_path, key={"model": "m"}, dimensions=2, dtype="float32")
    cache.add(hash_texts(TEXTS), VECTORS)
    cache.add(hash_texts(["d"]), VECTORS[:1])
    return cache


def find(cache, *texts):
    found = {}
    for one in cache.find(hash_texts(texts)):
        found |= {texts[row]: vector.tolist() for row, vector in zip(one.rows.tolist(), one.vectors, strict=True)}
    return found


def test_vectors_of_the_texts_are_removed_and_others_stay(cache, tmp_path):
    chunks = set(tmp_path.rglob("*.hashes"))

    assert remove_vectors(tmp_path, hash_texts(["b", "x"])) == 1

    assert find(cache, *TEXTS, "d") == {"a": [0, 1], "c": [4, 5], "d": [0, 1]}
    assert len(chunks & set(tmp_path.rglob("*.hashes"))) == 1
    assert len(list(tmp_path.rglob("*.vectors"))) == 2


def test_a_chunk_keeps_its_age(cache, tmp_path):
    del cache
    for file in tmp_path.rglob("*.*"):
        os.utime(file, (5, 5))

    remove_vectors(tmp_path, hash_texts(["b"]))

    assert {file.stat().st_mtime for file in tmp_path.rglob("*.*")} == {5}


def test_a_chunk_of_these_texts_alone_is_deleted(cache, tmp_path):
    assert remove_vectors(tmp_path, hash_texts(["d"])) == 1

    assert len(list(tmp_path.rglob("*.hashes"))) == len(list(tmp_path.rglob("*.vectors"))) == 1
    assert find(cache, "d") == {}


def test_counting_changes_nothing(cache, tmp_path):
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}

    assert remove_vectors(tmp_path, hash_texts(TEXTS), only_count=True) == 3
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.*")} == before
    assert len(find(cache, *TEXTS)) == 3


def test_temporary_files_of_killed_runs_are_deleted_and_files_of_others_are_not(cache, tmp_path):
    del cache
    (folder,) = tmp_path.iterdir()
    (folder / f".{'0' * 16}.vectors.{'0' * 32}").write_bytes(b"x")
    (folder / "mine.hashes").write_bytes(b"x")
    (folder / f"{'0' * 16}.vectors").write_bytes(b"without hashes")
    (tmp_path / "0123456789abcdef").mkdir()

    assert remove_vectors(tmp_path, hash_texts(["x"])) == 0

    assert not list(folder.glob(".*"))
    assert not (folder / f"{'0' * 16}.vectors").exists()
    assert (folder / "mine.hashes").exists()


def test_a_missing_store_has_no_vectors(tmp_path):
    assert remove_vectors(tmp_path / "none", hash_texts(["a"])) == 0


def test_damaged_vectors_are_an_error(cache, tmp_path):
    del cache
    for file in tmp_path.rglob("*.vectors"):
        file.write_bytes(bytes(file.stat().st_size))

    with pytest.raises(StorageError, match="damaged"):
        remove_vectors(tmp_path, hash_texts(["b"]))
