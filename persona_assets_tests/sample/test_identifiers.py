"""Identifiers have the formats of the AT Protocol."""

import base64
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.sample import identifiers

INSTANTS = st.integers(1_600_000_000_000_000, 2_000_000_000_000_000)
ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


def rng():
    return np.random.default_rng(0)


def test_a_did_has_the_plc_form():
    assert re.fullmatch(r"did:plc:[a-z2-7]{24}", identifiers.make_did(rng()))


@given(INSTANTS)
def test_a_tid_encodes_its_microsecond(time_us):
    tid = identifiers.make_tid(time_us, rng())

    number = 0
    for character in tid:
        number = number << 5 | ALPHABET.index(character)
    assert number >> 10 == time_us
    assert re.fullmatch(r"[2-7a-j][2-7a-z]{12}", tid)


@given(INSTANTS, INSTANTS)
def test_tids_sort_by_time(one_us, other_us):
    one, other = identifiers.make_tid(one_us, rng()), identifiers.make_tid(other_us, rng())

    assert (one < other) == (one_us < other_us)


def test_a_cid_has_a_sha_256_multihash():
    for cid, codec in ((identifiers.make_record_cid(rng()), 0x71), (identifiers.make_blob_cid(rng()), 0x55)):
        content = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))

        assert cid[0] == "b"
        assert content[:4] == bytes([1, codec, 0x12, 0x20])
        assert len(content) == 4 + 32


def test_a_time_is_formatted_in_milliseconds():
    assert identifiers.format_record_time(1_740_973_563_121_964) == "2025-03-03T03:46:03.121Z"
