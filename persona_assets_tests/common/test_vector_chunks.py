import hashlib

import numpy as np
import pyarrow as pa
import pytest
from xxhash import xxh3_128_digest

from persona_assets.common.vector_chunks import hash_texts, name_cache_folder, read_hashes, read_if_exists
from persona_assets.errors import StorageError


@pytest.mark.parametrize("make", [list, pa.array, lambda texts: pa.array(["x", *texts, "y"]).slice(1, len(texts))])
def test_a_hash_is_the_beginning_of_the_sha_256_of_the_text(make):
    texts = ["a", "", "é"]

    hashes = hash_texts(make(texts))

    assert hashes.tobytes() == b"".join(hashlib.sha256(text.encode()).digest()[:16] for text in texts)


def test_no_texts_have_no_hashes():
    assert hash_texts([]).shape == (0, 2)


def test_a_folder_is_named_by_its_key():
    assert name_cache_folder(b"key") == hashlib.sha256(b"key").hexdigest()[:16]


def test_hashes_are_read_with_the_checksum_of_their_vectors(tmp_path):
    index = hash_texts(["a", "b"]).tobytes() + b"v" * 16
    (tmp_path / "chunk").write_bytes(index + xxh3_128_digest(index))

    hashes, checksum = read_hashes(tmp_path / "chunk")

    assert np.array_equal(hashes, hash_texts(["a", "b"]))
    assert checksum == b"v" * 16


def test_a_damaged_file_of_hashes_is_an_error_and_a_missing_one_is_empty(tmp_path):
    (tmp_path / "chunk").write_bytes(bytes(48))

    with pytest.raises(StorageError, match="damaged"):
        read_hashes(tmp_path / "chunk")
    assert len(read_hashes(tmp_path / "none")[0]) == 0
    assert read_if_exists(tmp_path / "none") is None
