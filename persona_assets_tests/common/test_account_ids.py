import pytest

from persona_assets.common.account_ids import are_all_plc_dids, is_did_or_hash
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB


@pytest.mark.parametrize("did", ["did:plc:abc", "did:web:localhost%3A3000", "d41d8cd98f00b204e9800998ecf8427e"])
def test_dids_and_hashes_are_user_ids(did):
    assert is_did_or_hash(did)


@pytest.mark.parametrize(
    "did",
    [
        "",
        "alice",
        "did:plc",
        "did:plc:",
        "did::x",
        "did:plc:a b",
        "DID:plc:x",
        "at://did:plc:x",
        "abc123",
        "did:web:" + "a" * 2041,
    ],
)
def test_other_texts_are_not_user_ids(did):
    assert not is_did_or_hash(did)


def test_many_plc_ids_are_checked_at_once():
    assert are_all_plc_dids([])
    assert are_all_plc_dids([ALICE, BOB])


@pytest.mark.parametrize(
    "other",
    ["did:web:example.com", "did:plc:a", ALICE.upper(), ALICE[:-1] + "1", ALICE[:-1] + ":", ALICE[:-1] + "é", "0" * 32],
)
def test_one_id_of_another_form_among_many_is_noticed(other):
    assert not are_all_plc_dids([ALICE, other, BOB])


def test_lengths_that_compensate_for_each_other_are_noticed():
    assert not are_all_plc_dids([ALICE + "a", BOB[:-1]])
    assert not are_all_plc_dids(["did:plc:" + "b" * 23, "adid:plc:" + "c" * 24])
