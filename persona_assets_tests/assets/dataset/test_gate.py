"""The gate sees by itself what must not be released."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.dataset import build as build_module
from persona_assets.assets.dataset.gate import count_strings_with_account_ids, measure_release
from persona_assets.assets.dataset.split_input import LineFilter
from persona_assets.consent.left_out import LeftOut
from persona_assets_tests.assets.cluster_jsonl.builders import uri_of
from persona_assets_tests.assets.dataset.builders import OPTIONS, did, keep_all, release, rows_of, window


def audit(made, tmp_path, options=OPTIONS):
    folder, said, given, _ = made
    return measure_release(folder, said, given, options, memory_limit="1GB", scratch=tmp_path)


def test_a_release_passes(tmp_path):
    found = audit(release(*window(), tmp_path), tmp_path)

    assert found[:5] == (0, 0, 0, 0, 0)
    assert found.leaks == ()
    assert found.sampled > 0
    assert found.compared["users"] > 0


def test_a_line_that_is_lost_is_not_accounted_for(tmp_path):
    folder, said, given, parsed = release(*window(), tmp_path)

    assert audit((folder, said._replace(read=said.read + 1), given, parsed), tmp_path).unaccounted == 1


def test_released_records_that_were_deleted_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    monkeypatch.setattr(LineFilter, "mask_releasable", lambda _, batch, store: np.ones(batch.size, bool))  # noqa: ARG005 - as the method

    found = audit(release(*window(), tmp_path), tmp_path)

    # The post in its own line and in that of its deletion, each as message and as act; the like that was undone.
    assert found.deleted == 5


LEFT_OUT = LeftOut(
    pa.table({"user_id": [did("bob"), did("zed"), did("nobody")], "reason": ["refuses", "gone", "refuses"]}),
    pa.array([uri_of(did("dan"), "own")]),
)


def test_accounts_that_are_left_out_are_in_no_line(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, said, given, _ = release(*window(), tmp_path, left_out=LEFT_OUT)

    assert did("bob") not in str(rows_of(folder, "dehydrated"))
    assert did("zed") not in str(rows_of(folder, "dehydrated"))
    assert uri_of(did("dan"), "own") not in str(rows_of(folder, "dehydrated"))
    # bob's reply, like and long conversation; what others did to his posts; nobody else answered zed.
    assert said.dropped["account that is left out: refuses"] + said.dropped.get("account that is left out: gone", 0) > 2
    assert measure_release(folder, said, given, OPTIONS, memory_limit="1GB", scratch=tmp_path).refusing == 0
    assert said.read == len(rows_of(folder, "threads")) + sum(said.dropped.values())


def test_accounts_that_were_to_be_left_out_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, said, given, parsed = release(*window(), tmp_path)

    assert audit((folder, said, given._replace(left_out=LEFT_OUT), parsed), tmp_path)[2:4] == (3, 2)


def change(folder, said, form, name, value):
    """Write another value to the first row of a column of a form's first file."""
    shard = next(shard for shard in said.shards if shard.form == form)
    file = folder / shard.path
    rows = pq.read_table(file, partitioning=None)
    written = rows.to_pylist()
    written[0][name] = value
    pq.write_table(pa.Table.from_pylist(written, rows.schema), file)


@pytest.mark.parametrize(
    ("form", "name", "value"),
    [
        ("chat", "user", did("ann")),
        ("chat", "messages", [{"role": "user", "content": f"@user1: so says {did('ann')}"}]),
        ("threads", "thread", [{"user_id": did("ann"), "text": None, "relative_integer_time": 0, "actions": None}]),
    ],
)
def test_an_account_id_is_found_in_any_column(tmp_path, form, name, value):
    made = release(*window(), tmp_path)
    change(made[0], made[1], form, name, value)

    assert audit(made, tmp_path).account_ids == 1


def test_where_texts_are_kept_ids_in_texts_are_no_matter_and_others_are(tmp_path):
    options = OPTIONS._replace(clean=False)
    made = release(*window(), tmp_path, options=options)
    change(made[0], made[1], "chat", "messages", [{"role": "user", "content": did("ann")}])
    assert audit(made, tmp_path, options).account_ids == 0
    change(made[0], made[1], "chat", "user", did("ann"))
    assert audit(made, tmp_path, options).account_ids == 1


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "@user2: mail me: joe@example.org"},
        {"role": "assistant", "content": '{"text": "mail me: joe@example.org"}'},
        {"role": "assistant", "content": "mail me: joe@example.org"},
    ],
)
def test_personal_data_that_is_left_is_found(tmp_path, message):
    made = release(*window(), tmp_path)
    change(made[0], made[1], "chat", "messages", [message])

    assert audit(made, tmp_path).personal_data == 1


def test_a_line_in_another_split_than_its_users_is_a_leak(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "split_lines", keep_all)
    folder, said, given, parsed = release(*window(), tmp_path)
    for shard in said.shards:
        file = folder / shard.path
        rows = pq.read_table(file, partitioning=None)
        parity = pc.bit_wise_and(rows["line_id"], 1)
        splits = pc.if_else(pc.equal(parity, 0), "train", "test")
        pq.write_table(rows.set_column(3, rows.schema.field("split"), splits), file)

    found = audit((folder, said, given, parsed), tmp_path)

    assert any("users are in more than one split" in leak for leak in found.leaks)
    assert not any("did:" in leak for leak in found.leaks)


def test_strings_are_found_at_any_depth():
    nested = pa.array([[{"a": {"b": ["did:plc:x", None]}}], None, []])

    assert count_strings_with_account_ids(pa.record_batch({"n": nested}), with_texts=True) == 1
