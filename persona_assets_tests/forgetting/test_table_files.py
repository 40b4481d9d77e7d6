import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.assets.embeddings.vector_files import write_embeddings_table
from persona_assets.common.parquet_checksums import read_body_digest, verify_parquet
from persona_assets.common.provenance import with_provenance
from persona_assets.errors import ForgettingError, StorageError
from persona_assets.forgetting.stored_files import classify_stored_files
from persona_assets.forgetting.table_files import (
    find_table_units,
    forget_in_unit,
    preview_table_change,
    write_without_accounts,
)
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.parquet_tables import MAIN_TABLE_DIGEST
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB
from persona_assets_tests.forgetting.builders import DAY, find_file, make_posts, make_proof, make_users, store

ACCOUNTS = Accounts([ALICE])


def forget(data):
    stored = classify_stored_files(UPath(data), leave_out=[str(data / "forgotten")])
    named = [file for file in stored.tables if ALICE in repr(pq.read_table(file.path).to_pydict())]
    proof = make_proof(data)
    for unit in find_table_units(named, stored.tables):
        forget_in_unit(unit, ACCOUNTS, proof)
    return proof.content.changes


def digest_rows(path):
    with path.open("rb") as file:
        return read_body_digest(file, name=path)


def test_a_table_becomes_the_file_that_it_would_have_been_without_the_account(tmp_path):
    made = {"asset": "english_posts", "steps": {}}
    rows = [(BOB, "a"), (ALICE, "b"), (BOB, "c")]
    everything = with_provenance(make_posts(*rows), made)
    path = store(tmp_path, f"english_posts/{DAY}", everything)
    without = store(tmp_path / "other", "expected", everything.take([0, 2]))

    (change,) = forget(tmp_path)

    assert path.read_bytes() == without.read_bytes()
    assert (change.what, change.rows_before, change.rows_after, change.own) == ("rows removed", 3, 2, 1)
    assert change.digest_before != change.digest_after


def test_vectors_keep_their_row_groups(tmp_path):
    schema = tables.embeddings_schema(768).with_metadata({"persona_assets.model": "m"})
    day = dt.date.fromisoformat(DAY)

    def batch(users):
        vectors = pa.array(np.ones(768 * len(users), np.float16))
        column = pa.FixedSizeListArray.from_arrays(vectors, type=schema.field("vector").type)
        uris = [f"at://{user}/app.bsky.feed.post/1" for user in users]
        return pa.record_batch([pa.array(uris), pa.array(users), column], schema=schema)

    (tmp_path / "embeddings").mkdir()
    path = tmp_path / "embeddings" / f"{DAY}.parquet"
    write_embeddings_table(
        path, schema, [batch([BOB, ALICE] * 1024), batch([BOB] * 2048), batch([BOB] * 10)], day_column=day
    )
    write_embeddings_table(tmp_path / "expected", schema, [batch([BOB] * 2048), batch([BOB] * 1034)], day_column=day)

    forget(tmp_path)

    assert path.read_bytes() == (tmp_path / "expected").read_bytes()


def test_side_tables_belong_to_the_new_table(tmp_path):
    path = store(tmp_path, f"clusters/{DAY}", make_users(ALICE, BOB))
    metadata = {MAIN_TABLE_DIGEST: digest_rows(path), "other": "kept"}
    side = store(tmp_path, f"cluster_centres/{DAY}", pa.table({"cluster_id": [0]}), metadata=metadata)
    of_another = store(tmp_path, "cluster_centres/2025-03-02", pa.table({"cluster_id": [0]}), metadata=metadata)
    before = of_another.read_bytes()

    changes = forget(tmp_path)

    assert [change.what for change in changes] == ["rows removed", "side table"]
    assert pq.read_schema(side).metadata[MAIN_TABLE_DIGEST.encode()].decode() == digest_rows(path)
    assert pq.read_schema(side).metadata[b"other"] == b"kept"
    assert pq.read_table(side).num_rows == 1
    assert of_another.read_bytes() == before


def test_a_side_table_that_alone_names_the_account_is_changed_alone(tmp_path):
    main = store(tmp_path, f"clusters/{DAY}", make_users(BOB))
    before = main.read_bytes()
    side = store(
        tmp_path, f"cluster_certainty/{DAY}", make_users(ALICE, BOB), metadata={MAIN_TABLE_DIGEST: digest_rows(main)}
    )

    (change,) = forget(tmp_path)

    assert change.file == f"cluster_certainty/{DAY}.parquet"
    assert pq.read_table(side)["user_id"].to_pylist() == [BOB]
    assert main.read_bytes() == before


def test_a_file_of_another_program_is_written_without_the_account(tmp_path):
    pq.write_table(pa.table({"user_id": [ALICE, BOB], "x": [1, 2]}), tmp_path / "mine.parquet", row_group_size=1)

    forget(tmp_path)

    assert pq.read_table(tmp_path / "mine.parquet").to_pydict() == {"user_id": [BOB], "x": [2]}
    with (tmp_path / "mine.parquet").open("rb") as file:
        assert verify_parquet(file, name="mine")


def test_a_table_that_becomes_empty_stays_a_table(tmp_path):
    path = store(tmp_path, f"english_users/{DAY}", make_users(ALICE))

    forget(tmp_path)

    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path).names == [*tables.ENGLISH_USERS.names, "day"]


def test_damage_is_not_hidden_by_a_new_checksum(tmp_path):
    path = store(tmp_path, f"english_users/{DAY}", make_users(ALICE, BOB))
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)

    with pytest.raises(StorageError, match="damaged"):
        write_without_accounts(find_file(tmp_path, f"english_users/{DAY}.parquet"), UPath(tmp_path / "new"), ACCOUNTS)


def test_a_table_that_changes_in_the_meantime_is_left_as_it_is(tmp_path):
    path = store(tmp_path, f"english_users/{DAY}", make_users(ALICE, BOB))
    units = find_table_units([find_file(tmp_path, f"english_users/{DAY}.parquet")], [])
    store(tmp_path, f"english_users/{DAY}", make_users(ALICE, BOB, "did:plc:new"))
    before = path.read_bytes()

    with pytest.raises(ForgettingError, match="changed by something else"):
        forget_in_unit(units[0], ACCOUNTS, make_proof(tmp_path))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_changes_are_counted_without_being_made(tmp_path):
    path = store(tmp_path, f"english_users/{DAY}", make_users(ALICE, BOB))
    before = path.read_bytes()

    change = preview_table_change(find_file(tmp_path, f"english_users/{DAY}.parquet"), ACCOUNTS)

    assert (change.rows_before, change.rows_after, change.digest_after) == (2, 1, "")
    assert path.read_bytes() == before
