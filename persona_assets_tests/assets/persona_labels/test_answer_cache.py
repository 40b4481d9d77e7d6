"""Answers are kept whole or not at all."""

import pytest

from persona_assets.assets.persona_labels.answer_cache import AnswerCache
from persona_assets.assets.persona_labels.endpoint_answers import EndpointName
from persona_assets.errors import StorageError

CATS = EndpointName("Café cats 🐈", "They write about cats.")


def test_an_answer_is_found_again(tmp_path):
    AnswerCache(tmp_path / "a" / "b").store("key", CATS)

    again = AnswerCache(tmp_path / "a" / "b")
    assert again.find("key") == CATS
    assert again.find("another") is None
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["key.json"]


@pytest.mark.parametrize("content", [b"", b'{"name": "Ca', b"\x00" * 50, b'{"name": "a\\nb", "description": ""}'])
def test_a_damaged_answer_is_not_found_and_is_replaced(tmp_path, content):
    cache = AnswerCache(tmp_path)
    (tmp_path / "key.json").write_bytes(content)

    assert cache.find("key") is None
    cache.store("key", CATS)
    assert cache.find("key") == CATS


def test_the_same_answer_is_the_same_bytes(tmp_path):
    cache = AnswerCache(tmp_path)
    cache.store("one", CATS)
    cache.store("two", CATS)

    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_full_disk_is_explained_and_leaves_nothing(small_disk):
    cache = AnswerCache(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (64 << 10))

    with pytest.raises(StorageError, match="no space left"):
        cache.store("key", CATS)

    assert [file.name for file in small_disk.iterdir()] == ["ballast"]
