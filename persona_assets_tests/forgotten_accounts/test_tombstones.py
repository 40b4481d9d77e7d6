import pickle

import pytest

from persona_assets.forgotten_accounts.tombstones import HASH_BYTES, KEY_BYTES, Tombstones
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB

KEY = bytes(range(KEY_BYTES))


def test_forgotten_accounts_are_recognised_and_others_are_not():
    tombstones = Tombstones(KEY).add([ALICE])

    assert tombstones.find([ALICE, BOB]) == {ALICE}
    assert len(tombstones) == 1
    assert len(tombstones.add([ALICE, BOB])) == 2


def test_hashes_under_another_key_are_others():
    one, other = Tombstones(KEY).add([ALICE]), Tombstones(KEY[::-1]).add([ALICE])

    assert one.hashes != other.hashes
    assert Tombstones(KEY[::-1], one.hashes).find([ALICE]) == set()


def test_neither_ids_nor_key_are_shown():
    tombstones = Tombstones(KEY).add([ALICE])

    assert "hidden" in repr(tombstones)
    assert ALICE.encode() not in pickle.dumps(tombstones)
    assert pickle.loads(pickle.dumps(tombstones)).find([ALICE]) == {ALICE}  # noqa: S301 - as worker processes do


@pytest.mark.parametrize(("key", "hashes"), [(b"short", []), (KEY, [bytes(HASH_BYTES - 1)])])
def test_keys_and_hashes_have_their_length(key, hashes):
    with pytest.raises(ValueError, match="bytes"):
        Tombstones(key, hashes)
