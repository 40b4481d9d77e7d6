import gzip

import pytest
import zstandard

from persona_assets.errors import ForgettingError
from persona_assets.forgetting import search
from persona_assets.forgetting.search import names_accounts_in
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import find_file, make_users, store, store_users

ACCOUNTS = Accounts([ALICE])


@pytest.mark.parametrize(
    ("name", "pack"), [("a.jsonl", bytes), ("a.jsonl.zst", zstandard.compress), ("a.csv.gz", gzip.compress)]
)
def test_files_of_bytes_are_searched_decompressed(tmp_path, name, pack):
    for owner, is_named in ((ALICE, True), (BOB, False)):
        (tmp_path / name).write_bytes(pack(b"x" * 1000 + owner.encode()))

        assert names_accounts_in(find_file(tmp_path, name), ACCOUNTS) is is_named


def test_an_id_across_two_blocks_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_BLOCK_BYTES", 50)
    (tmp_path / "a").write_bytes(b"x" * 40 + ALICE.encode() + b"x" * 100)

    assert names_accounts_in(find_file(tmp_path, "a"), ACCOUNTS)


def test_tables_are_searched_by_values_and_metadata(tmp_path):
    store_users(tmp_path)
    store(tmp_path, "b", make_users(BOB))
    store(tmp_path, "c", make_users(BOB), metadata={"by": ALICE})

    names = ["english_users/2025-03-01.parquet", "b.parquet", "c.parquet"]
    assert [names_accounts_in(find_file(tmp_path, name), ACCOUNTS) for name in names] == [True, False, True]


@pytest.mark.parametrize("name", ["a.parquet", "a.zst", "a.gz"])
def test_a_file_that_cannot_be_searched_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"no such format, but long enough")

    with pytest.raises(ForgettingError, match=f"{name} is damaged"):
        names_accounts_in(find_file(tmp_path, name), ACCOUNTS)
