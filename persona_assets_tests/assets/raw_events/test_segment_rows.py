"""Rows that are made straight from archive segments are those of the same events as lines of JSON."""

import datetime as dt
import io
import json
from pathlib import Path

import libipld
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.archive.blocks import decode_block
from persona_assets.archive.event_lines import format_event_lines
from persona_assets.archive.segment_files import read_block_frame, read_segment_index
from persona_assets.assets.raw_events.segment_rows import convert_block_rows
from persona_assets.common.lexicon import AI_PREFERENCE, PROFILE
from persona_assets_tests.archive.segments import event_row, from_json, in_blocks, write_segment
from persona_assets_tests.assets.raw_events.builders import (
    ALICE,
    BOB,
    LIKE,
    NOON_US,
    POST,
    account,
    commit,
    delete,
    embed_record,
    embed_record_with_media,
    identity,
    like,
    post,
    read_day,
)

SHARED = Path(__file__).parents[4] / "shared" / "data" / "jetstream"
LINK = {"$link": "bafkreieajxclqzwk2mczx7hxmoboqpuiveqlbm35gsda5xlaqfmlryu4ri"}
REPLY = {"parent": {"cid": "c", "uri": "at://p"}, "root": {"cid": "c", "uri": "at://r"}}
MINUTE_US = 60_000_000


def lines_of(segment):
    file = io.BytesIO(segment)
    read = read_segment_index(file, file_bytes=len(segment), name="a.jss")
    for number, entry in enumerate(read.blocks):
        yield from format_event_lines(
            decode_block(
                read_block_frame(file, entry, name="a.jss", number=number), segment_name="a.jss", block_number=number
            )
        )


def read_both(segment, folder, **options):
    """Return the day of a segment, and that of its events as lines."""
    days = []
    for name, content in (("a.jss", segment), ("a.jsonl", b"".join(line + b"\n" for line in lines_of(segment)))):
        file = folder / name.replace(".", "-") / "capture" / options.get("day", "2025-03-01") / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        capture = file.parents[1]
        days.append(read_day(capture, capture.parent / "scratch", **({"day": dt_of(options)} if options else {})))
    return days


def dt_of(options):
    return dt.date.fromisoformat(options["day"])


def assert_same(direct, by_lines):
    assert direct.table.equals(by_lines.table)
    assert direct.bytes[0] == by_lines.bytes[0]
    keys = ("line_number", "reason", "raw", "raw_bytes")
    assert [[row[key] for key in keys] for row in direct.rejected] == [
        [row[key] for key in keys] for row in by_lines.rejected
    ]
    counts, others = vars(direct.counts), vars(by_lines.counts)
    same = set(counts) - {"bytes", "line_bytes", "files_without_events", "bytes_without_events"}
    same -= {"first_files_without_events"}
    assert {name: counts[name] for name in same} == {name: others[name] for name in same}


EVENTS = [
    post("hé 😀", langs=["en"], reply=REPLY, embed=embed_record("at://q")),
    post("a", embed=embed_record_with_media("at://q"), langs=list("abcd")),
    post("x" * 4000),
    post("b", reply=LINK),
    post("c", embed={"$type": "app.bsky.embed.images", "images": [{"image": {"ref": LINK}}]}),
    commit(POST, {"text": "d"}, operation="update"),
    commit(POST, {"text": 5}),
    commit(POST, {"text": LINK}),
    commit(POST, {"text": {"$bytes": "AAEC"}}),
    like(),
    commit(LIKE, {"subject": {"cid": "c", "uri": "at://q"}, "createdAt": "x"}),
    commit(LIKE, {"subject": {"cid": "c", "uri": "at://v"}, "createdAt": "x", "via": {"cid": "c", "uri": "at://w"}}),
    commit(LIKE, {"subject": {"cid": "c", "uri": "at://q"}, "createdAt": "x"}, operation="update"),
    commit("app.bsky.graph.follow", {"subject": BOB, "createdAt": "x"}),
    commit(LIKE, {"subject": "at://q"}),
    commit(LIKE, {"subject": {"uri": "u" * 9000}}),
    commit("app.bsky.feed.repost", {"subject": {"uri": "at://q"}, "createdAt": 7}),
    commit("app.bsky.graph.follow", {"subject": BOB}),
    commit("app.bsky.graph.block", {"subject": BOB}),
    commit(PROFILE, {"description": "e", "labels": {"values": [{"val": "bot"}]}}, operation="update"),
    commit(PROFILE, {"labels": {"values": 1}}),
    commit(AI_PREFERENCE, {"preferences": {"training": {"allow": False}}, "extra": LINK}),
    commit(AI_PREFERENCE, {"blob": {"$bytes": "AAEC"}, "a": [1, -1, 2.5, None, True, {}]}),
    delete(AI_PREFERENCE),
    commit("com.example.thing", {"deep": [{"a": 1.5}], "link": LINK}),
    commit("not-an-nsid", {"a": 1}),
    commit("com.example.thing", None),
    commit(LIKE, None),
    delete(),
    delete(POST, rkey="."),
    like(rkey="a b"),
    like(rkey=".."),
    like(rkey="é"),
    like(rkey="a.b"),
    like(rkey="k", rev="r" * 65),
    like(rkey="k2", rev="é" * 40),
    like(user="nobody"),
    like(user="did:web:example.com"),
    like(user="did:plc:AAAAAAAAAAAAAAAAAAAAAAAA"),
    account(active=False, status="takendown"),
    account(active=False, status="zq", seq=5),
    identity(),
    {"did": ALICE, "time_us": NOON_US, "kind": "sync", "sync": {"rev": "r", "blocks": {"$bytes": "AAEC"}}},
    {"did": ALICE, "time_us": NOON_US, "kind": "account", "account": None},
]


def rows_of(events, **about):
    return [event_row(event, number, **about) for number, event in enumerate(events, 1)]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_every_kind_of_event_gives_the_row_of_its_line(tmp_path, size):
    direct, by_lines = read_both(write_segment(in_blocks(rows_of(EVENTS), size)), tmp_path)

    assert_same(direct, by_lines)
    assert len(direct.events) > 20
    assert len(direct.events) + len(direct.rejected) == len(EVENTS) == direct.counts.lines


def test_odd_rows_give_what_their_lines_give(tmp_path):
    rows = rows_of([like() for _ in range(9)])
    deep = libipld.encode_dag_cbor({"$type": LIKE, "subject": {"uri": "at://q"}, "deep": nested(198)})
    shallow = libipld.encode_dag_cbor({"$type": LIKE, "subject": {"uri": "at://q"}, "deep": nested(197)})
    rows[0] |= {"payload": deep}
    rows[1] |= {"payload": shallow}
    rows[2] |= {"payload": deep, "collection": "com.example.thing"}
    rows[3] |= {"kind": 9}
    rows[4] |= {"seq": 2**63}
    rows[5] |= {"kind": 7}
    rows[6] |= {"payload": b"\xff", "collection": "com.example.thing"}
    rows[7] |= {"payload": b"\xff"}
    rows[8] |= {"rev": ""}

    direct, by_lines = read_both(write_segment([rows]), tmp_path)

    assert_same(direct, by_lines)
    assert direct.reasons == [
        "nested too deeply",
        "nested too deeply",
        "kind: unknown value",
        "seq: out of range",
        "no commit.record",
    ]


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_names_that_are_not_utf8_reject_their_events_only(tmp_path):
    rows = rows_of([like(), like(), post()])
    rows[1] |= {"rkey": b"\xff"}

    direct, by_lines = read_both(write_segment([rows]), tmp_path)

    assert_same(direct, by_lines)
    assert direct.reasons == ["not UTF-8"]


def test_events_of_other_days_are_counted_and_left_out(tmp_path):
    midnight = NOON_US - 12 * 60 * MINUTE_US
    rows = [event_row(like(), seq, witnessed_us=midnight + (seq - 3) * MINUTE_US) for seq in range(1, 7)]
    rows += [event_row(like(), 7, witnessed_us=midnight - 1, indexed_us=midnight)]
    file = tmp_path / "capture" / "2025-03-01" / "seg_1.jss"
    file.parent.mkdir(parents=True)
    file.write_bytes(write_segment([rows[:3], rows[3:]]))

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert [row["seq"] for row in found.events] == [3, 7, 4, 5, 6]
    assert (found.counts.other_days, found.counts.lines, found.counts.outside_day) == (2, 5, 0)
    assert found.counts.out_of_order == 1


EVENT = st.sampled_from(EVENTS)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=25), st.integers(1, 9), st.randoms())
def test_any_mixture_of_events_gives_the_rows_of_its_lines(tmp_path_factory, events, size, random):
    rows = rows_of(events)
    for row in rows:
        row["witnessed"] += random.randrange(-5, 5)

    assert_same(*read_both(write_segment(in_blocks(rows, size)), tmp_path_factory.mktemp("segment")))


def test_events_of_the_usual_form_need_no_line():
    block = decode_of([post(), like(), delete(), commit("com.example.thing", {"a": LINK}), commit(POST, {"text": 1})])

    split = convert_block_rows(block, np.arange(5))

    assert split.irregular == [4]
    assert sorted(str(group.collection) for group in split.groups) == ["None", LIKE, POST]


def decode_of(events):
    segment = write_segment([rows_of(events)])
    file = io.BytesIO(segment)
    (entry,) = read_segment_index(file, file_bytes=len(segment), name="a").blocks
    return decode_block(read_block_frame(file, entry, name="a", number=0), segment_name="a", block_number=0)


def without_seq(day):
    return day.table.drop_columns(["seq", "day"]).to_pylist()


@pytest.mark.shared_data
def test_the_official_segment_gives_the_events_that_another_reader_finds(tmp_path):
    segments = pytest.importorskip("atproto_jetstream.archive.segment")
    downloader = pytest.importorskip("atproto_jetstream.archive.downloader")
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}")
    segment = (SHARED / "golden_corpus_segment.jss").read_bytes()
    direct, by_lines = read_both(segment, tmp_path / "segment", day="2025-06-15")
    events = [json.loads(line) for line in lines_of(segment)]

    assert_same(direct, by_lines)
    assert len(direct.events) == 23
    assert direct.rejected == []
    found = [row for frame in downloader.iter_block_frames(segment) for row in segments.decode_block(frame)]
    assert [
        (row.seq, row.did, row.collection, row.rkey, row.rev, row.operation, from_json(event["payload"]["record"]))
        for row, event in zip(found, events, strict=True)
    ] == [
        (*(event["payload"][name] for name in ("seq", "did", "collection", "rkey", "rev", "operation")), record)
        for event, record in zip(events, (libipld.decode_dag_cbor(row.payload) for row in found), strict=True)
    ]
    assert [row["event_time_us"] for row in direct.events] == [row.time_us for row in found]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["golden_v1.jsonl", "official_v1_152.ndjson"])
def test_official_v1_events_give_the_same_rows_through_a_segment(tmp_path, name):
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}")
    lines = (SHARED / name).read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    day = dt.datetime.fromtimestamp(events[0]["time_us"] / 1e6, dt.UTC).date()
    capture = tmp_path / "v1" / day.isoformat() / "a.jsonl"
    capture.parent.mkdir(parents=True)
    capture.write_text("\n".join(lines), encoding="utf-8")
    rows = [event_row(event, number) for number, event in enumerate(events, 1)]

    direct, by_lines = read_both(write_segment(in_blocks(rows, 40)), tmp_path / "segment", day=day.isoformat())
    v1 = read_day(tmp_path / "v1", tmp_path / "scratch", day=day)

    assert_same(direct, by_lines)
    assert without_seq(direct) == without_seq(v1)
    assert len(direct.events) == len(events)


@pytest.mark.shared_data
def test_the_official_events_come_complete_out_of_a_segment(tmp_path):
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}")
    lines = (SHARED / "official_v1_152.ndjson").read_text(encoding="utf-8").splitlines()
    rows = [event_row(json.loads(line), number) for number, line in enumerate(lines, 1)]
    segment = write_segment(in_blocks(rows, 40))
    direct, by_lines = read_both(segment, tmp_path / "segment", day="2026-07-04")
    assert_same(direct, by_lines)
    assert len(direct.events) == 152
    frames = (SHARED / "made_v2_152.ndjson").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines_of(segment)] == [json.loads(frame) for frame in frames]
