import base64

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.archive.dag_cbor import (
    DagCborError,
    compute_record_cid,
    count_nested_levels,
    decode_record,
    decode_to_json_value,
)
from persona_assets_tests.archive.segments import from_json

CID = "bafkreieajxclqzwk2mczx7hxmoboqpuiveqlbm35gsda5xlaqfmlryu4ri"
OF_LINK = libipld.decode_multibase(CID)[1]


def test_links_and_bytes_have_their_form_of_json():
    record = {"a": [{"$link": CID}], "b": {"$bytes": "AAEC"}, "c": {"$bytes": ""}, "d": None, "e": 1.5, "f": True}

    assert decode_to_json_value(libipld.encode_dag_cbor(from_json(record))) == record


def test_bytes_that_look_like_a_link_are_bytes():
    payload = b"\xa1\x61a\x58\x24" + OF_LINK

    assert decode_to_json_value(payload) == {"a": {"$bytes": base64.b64encode(OF_LINK).rstrip(b"=").decode()}}


@pytest.mark.parametrize("length", [0, 22, 23, 24, 254, 255, 256, 65_534, 65_535, 65_536])
def test_bytes_of_any_length_are_bytes(length):
    value = bytes(length)
    written = decode_to_json_value(libipld.encode_dag_cbor({"a": value}))["a"]["$bytes"]

    assert base64.b64decode(written + "=" * (-len(written) % 4)) == value


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"\x62\xc3\x28",
        b"\xa2\x61a\x01\x61a\x02",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 100_000 + b"\xf6",
        b"\xa0\xa0",
        b"\xf9\x7e\x00",
        b"\xc1\x00",
        b"\xd8\x2a\x43\x00\xff\xff",
        bytes((1 << 24) + 1),
    ],
)
def test_what_is_no_record_is_an_error_that_quotes_nothing(payload):
    with pytest.raises(DagCborError) as found:
        decode_to_json_value(payload)

    assert str(found.value) in {"not DAG-CBOR", "too long", "nested too deeply", "a link is not a CID"}


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_an_error(payload):
    try:
        decode_to_json_value(payload)
    except DagCborError:
        with pytest.raises((DagCborError, ValueError)):
            libipld.encode_cid(decode_record(payload))


VALUES = st.recursive(st.none() | st.integers(0, 5) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3))


@given(VALUES, st.integers(0, 30))
def test_depth_is_the_number_of_lists_and_maps_around_the_deepest_value(value, levels):
    depth = count_nested_levels(value)
    for _ in range(levels):
        value = {"a": 1, "b": value}

    assert count_nested_levels(value) == depth + levels


def test_a_record_is_named_by_its_digest():
    assert compute_record_cid(libipld.encode_dag_cbor({})).startswith("bafyrei")
    assert len(compute_record_cid(b"")) == 59
