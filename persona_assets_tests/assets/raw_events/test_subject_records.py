import libipld
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.archive.blocks import decode_block
from persona_assets.assets.raw_events.subject_records import SUBJECT_COLUMNS, find_subjects
from persona_assets.common.lexicon import BLOCK, FOLLOW, LIKE, REPOST
from persona_assets_tests.archive.segments import event_row, write_block
from persona_assets_tests.assets.raw_events.builders import like

URI = "at://did:plc:bbbbbbbbbbbbbbbbbbbbbbbb/app.bsky.feed.post/3lpx3ersadc2r"
CID = "bafyreibndlzsv6bhbnzuoq5hiaoeqbjcnami5r5qqpaytpbnld5vyv7kai"
WHEN = "2025-07-09T01:17:29.778Z"


def record(collection, subject=URI, **about):
    wrapped = {"cid": CID, "uri": subject} if collection in (LIKE, REPOST) else subject
    return {"$type": collection, "subject": wrapped, "createdAt": WHEN} | about


def find(payloads, collection):
    rows = [event_row(like(), 1) | {"payload": payload} for payload in payloads]
    values = decode_block(zstandard.compress(write_block(rows)), segment_name="a", block_number=0).payloads
    chosen = np.arange(len(rows))
    found, subjects = find_subjects(values, chosen, values.count_beyond_ascii(), collection)
    return found.tolist(), subjects.to_pylist()


def encode(*records):
    return [libipld.encode_dag_cbor(one) for one in records]


@pytest.mark.parametrize("collection", SUBJECT_COLUMNS)
@pytest.mark.parametrize("subject", ["", "a", "b" * 23, "c" * 24, "d" * 127, URI])
def test_subjects_of_usual_records_are_found(collection, subject):
    via = {"via": {"cid": CID, "uri": URI}}
    records = [record(collection), record(collection, subject), record(collection, subject, **via), record(collection)]

    assert find(encode(*records), collection) == ([True] * 4, [URI, subject, subject, URI])


UNUSUAL = [
    record(LIKE, "é"),
    record(LIKE, "e" * 128),
    record(LIKE, "e" * 256),
    record(LIKE, createdAt="é"),
    record(LIKE, createdAt=5),
    record(LIKE, extra=1),
    record(LIKE, via=5),
    record(LIKE, via={"uri": URI}),
    record(REPOST),
    {"$type": LIKE, "createdAt": WHEN},
    {"$type": LIKE, "subject": {"uri": URI}, "createdAt": WHEN},
    {"$type": LIKE, "subject": {"uri": URI, "cid": CID}},
    {"$type": LIKE, "subject": {"uri": 5, "cid": CID}, "createdAt": WHEN},
    {},
]


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_records_of_another_form_are_left(unusual):
    assert find(encode(record(LIKE), unusual, record(LIKE, "x")), LIKE) == ([True, False, True], [URI, "x"])


def test_no_records_have_no_subjects():
    assert find([], LIKE) == ([], [])
    assert find([b"", b"\xff", b"\xa3"], FOLLOW) == ([False] * 3, [])


def test_a_record_does_not_go_on_in_the_next():
    whole = libipld.encode_dag_cbor(record(BLOCK))

    assert find([whole[:-3], whole[-3:], whole], BLOCK) == ([False, False, True], [URI])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_found_in_damaged_records_is_what_a_decoder_finds(data):
    collection = data.draw(st.sampled_from(list(SUBJECT_COLUMNS)))
    payloads = []
    for _ in range(data.draw(st.integers(1, 4))):
        via = {"via": {"cid": CID, "uri": URI}} if data.draw(st.booleans()) else {}
        payload = bytearray(libipld.encode_dag_cbor(record(collection, data.draw(st.text(max_size=30)), **via)))
        for _ in range(data.draw(st.integers(0, 2))):
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
        length = data.draw(st.integers(0, len(payload))) if data.draw(st.booleans()) else len(payload)
        payloads.append(bytes(payload[:length]))

    found, subjects = find(payloads, collection)

    decoded = [libipld.decode_dag_cbor(payload) for payload, is_found in zip(payloads, found, strict=True) if is_found]
    wanted = [one["subject"] if collection in (FOLLOW, BLOCK) else one["subject"]["uri"] for one in decoded]
    assert subjects == wanted
    assert all(one["$type"] == collection and isinstance(one["createdAt"], str) for one in decoded)
