import pickle

import numpy as np
import pyarrow as pa
import pytest

from persona_assets.forgotten_accounts.tombstones import KEY_BYTES, MARK_BYTES, Tombstones
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB

KEY = bytes(range(KEY_BYTES))


def test_forgotten_accounts_are_recognised_and_others_are_not():
    tombstones = Tombstones(KEY).add([ALICE])

    assert tombstones.find([ALICE, BOB]) == {ALICE}
    assert len(tombstones) == 1
    assert len(tombstones.add([ALICE, BOB])) == 2


def test_hashes_under_another_key_are_others():
    one, other = Tombstones(KEY).add([ALICE]), Tombstones(KEY[::-1]).add([ALICE])

    assert one.marks != other.marks
    assert Tombstones(KEY[::-1], one.marks).find([ALICE]) == set()


def test_neither_ids_nor_key_are_shown():
    tombstones = Tombstones(KEY).add([ALICE])

    assert "hidden" in repr(tombstones)
    assert ALICE.encode() not in pickle.dumps(tombstones)
    assert pickle.loads(pickle.dumps(tombstones)).find([ALICE]) == {ALICE}  # noqa: S301 - as worker processes do


@pytest.mark.parametrize(("key", "marks"), [(b"short", []), (KEY, [bytes(MARK_BYTES - 1)])])
def test_keys_and_hashes_have_their_length(key, marks):
    with pytest.raises(ValueError, match="bytes"):
        Tombstones(key, marks)


def test_many_ids_are_looked_up_at_once():
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz234567"))
    ids = [f"did:plc:{''.join(row)}" for row in letters[rng.integers(0, 32, (2000, 24))]]
    others = ["did:web:example.com", "", "é", "0123456789abcdef" * 2]
    forgotten = {*ids[::100], others[0], others[3]}
    tombstones = Tombstones(KEY).add(forgotten)
    array = pa.array(["x", *ids, *others, "y"])

    assert tombstones.find_in(array.slice(1, len(array) - 2)) == forgotten
    assert tombstones.find_in(pa.array([], pa.string())) == set()
    assert tombstones.find_in(pa.chunked_array([ids[:1], ids[1:2]]).combine_chunks()) == {ids[0]}


def test_the_filter_lets_few_others_pass():
    tombstones = Tombstones(KEY).add(f"did:plc:{number:024d}" for number in range(100))
    ids = "".join(f"did:plc:{number:024d}" for number in range(1000, 51_000)).encode()

    values = tombstones._filter_values(np.frombuffer(ids, np.uint8))

    assert len(np.unique(values)) > 49_000
    assert np.isin(values, tombstones._filter).sum() < 5
