import bz2
import gzip
import json
import lzma
import multiprocessing
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zlib
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from persona_assets import tables
from persona_assets.assets.raw_events import merge_runs as merge
from persona_assets.assets.raw_events import read_files as read
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.capture.capture_file import CaptureFile
from persona_assets.common.columns import require_schema
from persona_assets.common.lexicon import BLOCK, FOLLOW, OFFICIAL_COLLECTIONS, REPOST
from persona_assets.errors import WorkerKilledError
from persona_assets_tests.assets.raw_events.builders import (
    ALICE,
    BOB,
    DAY,
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
    line,
    post,
    read_day,
    read_lines_of,
    write_file,
)

LANGS = [None, [], ["en"], ["en", "de"]]
QUOTED = "at://did:plc:b/app.bsky.feed.post/1"

EVENTS = [
    post("one", langs=["en"]),
    post("two", langs=[]),
    post("two", embed=embed_record(QUOTED), time_us=NOON_US - 1),
    like(),
    like(user=BOB),
    delete(),
    commit("com.example.thing", {"a": [1, {"b": None}]}),
    commit("app.bsky.actor.profile", {"description": "me"}, operation="update"),
    account(),
    account(active=False, status="deleted", seq=2),
    identity(),
]
BAD = [b"", b"{not json", b"null", b"\xff", b"<<<<<<< HEAD", b'{"did":1}', line(post())[:40]]
LINES = st.lists(st.sampled_from([line(event) for event in EVENTS] + BAD), min_size=1, max_size=30)
few = settings(max_examples=40)


def read_files_of(files, **options):
    """Read a day of several files (name -> lines) in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name, events in files.items():
            write_file(Path(folder) / "capture" / "2025-03-01" / name, events)
        return read_day(Path(folder) / "capture", Path(folder) / "scratch", **options)


@few
@given(LINES)
def test_every_line_is_either_an_event_or_a_rejected_line(lines):
    found = read_files_of({"a": lines})

    good = [raw for raw in lines if raw not in BAD]
    assert len(found.events) == len(good) == found.counts.events
    assert [row["raw"] for row in found.rejected] == [raw for raw in lines if raw in BAD]
    assert [row["line_number"] for row in found.rejected] == [
        number for number, raw in enumerate(lines, 1) if raw in BAD
    ]
    assert found.counts.lines == len(lines) == found.counts.events + found.counts.rejected.total()


@few
@given(LINES, st.randoms(use_true_random=False), st.integers(1, 4))
def test_the_order_of_lines_and_files_does_not_matter(lines, rng, n_files):
    shuffled = rng.sample(lines, len(lines))
    spread = {f"{rng.randrange(10**6)}-{n}": shuffled[n::n_files] for n in range(n_files)}

    assert read_files_of(spread).bytes[0] == read_files_of({"a": lines}).bytes[0]


@few
@given(LINES)
def test_parsing_twice_gives_the_same_bytes(lines):
    assert read_files_of({"a": lines}).bytes == read_files_of({"a": lines}).bytes


def many_events(n, seed=1):
    """Lines of `n` random events, many with equal times and some repeated."""
    rng = np.random.default_rng(seed)
    events = [
        post("ab"[: rng.integers(3)], langs=LANGS[rng.integers(4)], rkey="k", rev="r")
        | {"time_us": NOON_US + int(rng.integers(n // 3)), "did": [ALICE, BOB][rng.integers(2)]}
        for _ in range(n)
    ]
    return [line(event) for event in events]


def test_rows_are_sorted_by_every_column_across_runs_and_slices(monkeypatch, tmp_path):
    monkeypatch.setattr(read, "RUN_BYTES", 1 << 20)
    monkeypatch.setattr(merge, "_SLICE_ROWS", 2048)
    lines = many_events(12_000)

    found = read_lines_of(lines, tmp_path)

    keys = [
        (row["event_time_us"], row["user_id"], row["text"], row["langs"] is None, row["langs"] or [])
        for row in found.events
    ]
    assert len(keys) == len(lines)
    assert keys == sorted(keys)


@pytest.mark.slow
def test_compression_order_and_number_of_workers_do_not_change_the_bytes(monkeypatch, tmp_path):
    monkeypatch.setattr("persona_assets.assets.raw_events.parse._BYTES_WORTH_A_WORKER", 1)
    monkeypatch.setattr(read, "RUN_BYTES", 1 << 20)
    lines = many_events(9_000) + BAD
    rng = np.random.default_rng(5)
    packers = [lambda content: content, gzip.compress, zstandard.ZstdCompressor().compress]
    found = []
    for number, (pack, workers) in enumerate(zip([*packers, packers[1]], [1, 1, 1, 3], strict=True)):
        mixed = [lines[at] for at in rng.permutation(len(lines))]
        for part in range(7):
            write_file(tmp_path / f"{number}" / "2025-03-01" / f"{part:02}" / "x", mixed[part::7], pack=pack)
        found.append(read_day(tmp_path / f"{number}", tmp_path / f"scratch-{number}", workers=workers))

    assert len({one.bytes[0] for one in found}) == 1
    assert {one.counts.lines for one in found} == {len(lines)}
    assert all(sorted(one.reasons) == sorted(found[0].reasons) for one in found)


def test_rejected_lines_are_sorted_by_file_and_line_with_several_workers(monkeypatch, tmp_path):
    monkeypatch.setattr("persona_assets.assets.raw_events.parse._BYTES_WORTH_A_WORKER", 1)
    for name in ("b", "a", "c", "d"):
        write_file(tmp_path / "capture" / "2025-03-01" / name, [b"x", post(), b"y" * 70_000])

    found = read_day(tmp_path / "capture", tmp_path / "scratch", workers=2)

    assert [(row["source_file"][-1], row["line_number"], row["raw_bytes"]) for row in found.rejected] == [
        (name, number, size) for name in "abcd" for number, size in ((1, 1), (3, 70_000))
    ]
    assert {len(row["raw"]) for row in found.rejected} == {1, tables.RAW_LIMIT_BYTES}


def test_columns_of_a_post(tmp_path):
    reply = {"parent": {"cid": "c", "uri": "at://p"}, "root": {"cid": "c", "uri": "at://r"}}
    event = post("hé\u0000llo 😀", langs=["en", "fr"], reply=reply, embed=embed_record_with_media(QUOTED))

    (row,) = read_lines_of([event], tmp_path).events

    assert row == {
        "event_time_us": NOON_US,
        "user_id": ALICE,
        "kind": "commit",
        "collection": POST,
        "operation": "create",
        "rkey": event["commit"]["rkey"],
        "rev": event["commit"]["rev"],
        "text": "hé\u0000llo 😀",
        "langs": ["en", "fr"],
        "parent_uri": "at://p",
        "root_uri": "at://r",
        "quoted_uri": QUOTED,
        "subject_uri": None,
        "subject_did": None,
        "account_active": None,
        "account_status": None,
        "seq": None,
        "self_labels": None,
        "preference_json": None,
        "day": DAY,
    }


@pytest.mark.parametrize("embed", [embed_record(QUOTED), embed_record_with_media(QUOTED)])
def test_both_embeds_of_a_record_are_quotes(tmp_path, embed):
    (row,) = read_lines_of([post(embed=embed)], tmp_path).events

    assert row["quoted_uri"] == QUOTED


def test_null_embeds_and_replies_keep_their_posts(tmp_path):
    found = read_lines_of([post("a", embed=None), post("b", reply=None), post("c", embed={"$type": "x.y"})], tmp_path)

    assert sorted(row["text"] for row in found.events) == ["a", "b", "c"]
    assert found.rejected == []


def test_columns_of_the_other_events(tmp_path):
    events = [
        like("at://liked", time_us=NOON_US),
        commit("app.bsky.graph.follow", {"subject": BOB}, time_us=NOON_US + 1),
        commit("app.bsky.actor.profile", {"description": "me"}, operation="update", time_us=NOON_US + 2),
        delete(LIKE, time_us=NOON_US + 3),
        account(active=False, status="takendown", seq=9, time_us=NOON_US + 4),
        identity(seq=10, time_us=NOON_US + 5),
        commit("com.example.thing", {"text": "not ours"}, time_us=NOON_US + 6),
    ]

    rows = read_lines_of(events, tmp_path).events

    said = [
        {
            name: value
            for name, value in row.items()
            if value is not None and name not in {"rkey", "rev", "user_id", "day"}
        }
        for row in rows
    ]
    assert [row | {"event_time_us": row["event_time_us"] - NOON_US} for row in said] == [
        {"event_time_us": 0, "kind": "commit", "collection": LIKE, "operation": "create", "subject_uri": "at://liked"},
        {
            "event_time_us": 1,
            "kind": "commit",
            "collection": "app.bsky.graph.follow",
            "operation": "create",
            "subject_did": BOB,
        },
        {
            "event_time_us": 2,
            "kind": "commit",
            "collection": "app.bsky.actor.profile",
            "operation": "update",
            "text": "me",
        },
        {"event_time_us": 3, "kind": "commit", "collection": LIKE, "operation": "delete"},
        {"event_time_us": 4, "kind": "account", "account_active": False, "account_status": "takendown", "seq": 9},
        {"event_time_us": 5, "kind": "identity", "seq": 10},
        {"event_time_us": 6, "kind": "commit", "collection": "com.example.thing", "operation": "create"},
    ]


def test_events_out_of_order_and_outside_the_day_are_counted(tmp_path):
    day_us = 86_400_000_000
    times = [0, 5, 3, 4, 6, day_us, -day_us]

    counts = read_lines_of([like(time_us=NOON_US + time) for time in times], tmp_path).counts

    assert (counts.out_of_order, counts.outside_day, counts.files, counts.broken_files) == (3, 2, 1, 0)


def test_only_the_line_is_rejected_that_has_50_megabytes(tmp_path):
    huge = line(post("x" * 50_000_000))

    found = read_lines_of([post("before"), huge, post("after")], tmp_path)

    assert sorted(row["text"] for row in found.events) == ["after", "before"]
    (row,) = found.rejected
    assert (row["reason"], row["line_number"], row["raw_bytes"]) == ("a line longer than 16 MiB", 2, len(huge))
    assert row["raw"] == huge[: tables.RAW_LIMIT_BYTES]


def test_an_invalid_byte_and_a_deeply_nested_line_affect_no_other_line(tmp_path):
    deep = line(commit("com.example.thing", {"a": 0})).replace(b": 0", b":" + b"[" * 100_000 + b"]" * 100_000)
    lines = [post("a"), line(post("b")).replace(b'"b"', b'"\xff"'), post("c"), deep, post("d")]

    found = read_lines_of(lines, tmp_path)

    assert sorted(row["text"] for row in found.events) == ["a", "c", "d"]
    assert found.reasons == ["not UTF-8", "nested too deeply"]


def test_crlf_line_ends_and_a_byte_order_mark_are_accepted(tmp_path):
    folder = tmp_path / "capture" / "2025-03-01"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([line(post("a")), b"bad", line(post("b"))]))

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert sorted(row["text"] for row in found.events) == ["a", "b"]
    assert [row["raw"] for row in found.rejected] == [b"bad"]


def test_each_damaged_file_is_one_rejected_line(tmp_path):
    day = tmp_path / "capture" / "2025-03-01"
    rng = np.random.default_rng(1)
    lines = [post(f"{number} {rng.random()}") for number in range(3000)]
    packed = gzip.compress(b"".join(line(event) + b"\n" for event in lines))
    write_file(day / "a", [post("whole")])
    (day / "b.jsonl").mkdir()
    (day / "c.gz").write_bytes(packed[: len(packed) // 2])
    (day / "d").symlink_to(tmp_path / "nowhere")

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert [(row["source_file"].rpartition("/")[2], row["reason"]) for row in found.rejected] == [
        ("b.jsonl", "a folder where a file should be"),
        ("c.gz", "the file ends inside a gzip frame"),
        ("d", "the file can't be read: No such file or directory"),
    ]
    kept = len(found.events) - 1
    assert 1000 < kept < 3000
    assert [row["line_number"] for row in found.rejected] == [0, kept + 1, 0]
    assert found.counts.broken_files == 3
    assert found.counts.lines == len(found.events) + 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_without_permission_is_one_rejected_line(tmp_path):
    day = tmp_path / "capture" / "2025-03-01"
    write_file(day / "a", [post("whole")])
    write_file(day / "b", [post("closed")]).chmod(0)

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert [row["text"] for row in found.events] == ["whole"]
    assert found.reasons == ["the file can't be read: Permission denied"]


def count_independently(events):
    return Counter(
        (
            event["kind"],
            event.get("commit", {}).get("collection"),
            event.get("commit", {}).get("operation"),
        )
        for event in events
    )


@pytest.mark.shared_data
def test_official_events_are_all_read(third_party_data, tmp_path):
    what = "Jetstream's own test events (bluesky-social/jetstream)"
    content = third_party_data("jetstream/official_v1_152.ndjson", what).read_bytes()
    events = [json.loads(raw) for raw in content.splitlines()]

    found = read_lines_of(content.splitlines(), tmp_path)

    assert len(found.events) == len(events) == 152
    assert found.rejected == []
    assert found.counts.kinds == count_independently(events)
    assert sorted(row["text"] or "" for row in found.events if row["collection"] == POST and row["text"]) == sorted(
        event["commit"]["record"]["text"]
        for event in events
        if event["kind"] == "commit"
        and event["commit"]["collection"] == POST
        and event["commit"].get("record", {}).get("text")
    )


@pytest.mark.shared_data
def test_every_event_of_every_kind_is_read(third_party_data, tmp_path):
    file = third_party_data("jetstream/kinds_2025_03.json", "BluePrint's examples of real events")
    examples = json.loads(file.read_text(encoding="utf-8"))
    events = [event for group in examples["kinds"].values() for event in group]
    events += [event for operations in examples["commits"].values() for group in operations.values() for event in group]

    found = read_lines_of(events, tmp_path)

    assert found.rejected == []
    assert found.counts.kinds == count_independently(events)
    assert len(found.counts.kinds) > 80


def test_every_operation_on_every_collection_is_read(tmp_path):
    made_up = [f"com.example.app{number}.thing" for number in range(40)]
    collections = [*sorted(OFFICIAL_COLLECTIONS - {LIKE, REPOST, FOLLOW, BLOCK}), *made_up]
    records = {name: {"things": [1, {"nested": None}]} for name in collections}
    records |= {name: {"subject": {"uri": QUOTED, "cid": "bafyrei"}} for name in (LIKE, REPOST)}
    records |= {name: {"subject": BOB} for name in (FOLLOW, BLOCK)}
    events = [
        commit(collection, None if operation == "delete" else record, operation=operation)
        for collection, record in records.items()
        for operation in ("create", "update", "delete")
    ] + [identity(), account(), {"did": ALICE, "time_us": NOON_US, "kind": "sync", "sync": {"rev": "3l1"}}]

    found = read_lines_of(events, tmp_path)

    assert found.rejected == []
    assert found.counts.kinds == count_independently(events)
    assert set(found.counts.kinds.values()) == {1}
    assert len(found.counts.kinds) > 150


@pytest.mark.shared_data
@pytest.mark.slow
def test_only_conflict_markers_are_rejected_in_the_placeholder_month(third_party_data, tmp_path):
    file = third_party_data("jetstream/placeholder_bluesky-2025-03.tar.gz", "BluePrint's placeholder capture")
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")

    found = [read_day(tmp_path, tmp_path / f"scratch-{number}", day=DAY.replace(day=number)) for number in range(1, 32)]

    assert sum(day.counts.files for day in found) == 2231
    assert sum(day.counts.lines for day in found) == 6315
    assert Counter(reason for day in found for reason in day.reasons) == {"git conflict marker": 159}
    assert sum(len(day.events) for day in found) == 6315 - 159
    markers = {row["raw"][:7] for day in found for row in day.rejected}
    assert markers == {b"<<<<<<<", b"=======", b">>>>>>>"}


def test_only_conflict_markers_are_rejected_in_a_month_that_git_merged(tmp_path):
    capture = tmp_path / "bluesky-2025-03"
    markers = [b"<<<<<<< HEAD", b"=======", b">>>>>>> other"]
    for number in range(1, 32):
        for hour in ("00", "23"):
            merged = [post("ours"), post("theirs")]
            lines = [markers[0], merged[0], markers[1], merged[1], markers[2]] if number % 2 else merged
            write_file(capture / f"{number:02}" / hour / f"bluesky-1-2025-03-{number:02}-{hour}-00-00", lines)

    found = [read_day(tmp_path, tmp_path / f"scratch-{number}", day=DAY.replace(day=number)) for number in range(1, 32)]

    assert [day.counts.files for day in found] == [2] * 31
    assert [len(day.events) for day in found] == [4] * 31
    assert [[row["raw"] for row in day.rejected] for day in found] == [
        markers * 2 if number % 2 else [] for number in range(1, 32)
    ]
    assert {reason for day in found for reason in day.reasons} == {"git conflict marker"}


def write_old_form(event):
    """The event in Jetstream's form before October 2024."""
    commit = {name: value for name, value in event["commit"].items() if name != "operation"} | {"type": "c"}
    return {"did": event["did"], "time_us": event["time_us"], "type": "com", "commit": commit}


NO_REPLY = {"parent": {"uri": None, "cid": None}, "root": {"uri": None, "cid": None}}
# Forms in which captures were found: how events are written on lines.
FORMS = {
    "an array of 1,000 events on one line": (1000, lambda events: [json.dumps(events).encode()]),
    "two events a line and one on the last": (
        5,
        lambda events: [b"".join(map(line, events[at : at + 2])) for at in range(0, len(events), 2)],
    ),
    "Jetstream's form before October 2024": (3, lambda events: map(write_old_form, events)),
    "a reply to nothing": (
        2,
        lambda events: [
            {**event, "commit": event["commit"] | {"record": event["commit"]["record"] | {"reply": NO_REPLY}}}
            for event in events
        ],
    ),
    "times as strings": (2, lambda events: [event | {"time_us": str(event["time_us"])} for event in events]),
    "times as whole floats": (2, lambda events: [event | {"time_us": float(event["time_us"])} for event in events]),
    "wrapped in another object": (5, lambda events: [{"event": event} for event in events]),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_found_in_captures_are_read(tmp_path, form):
    number, write = FORMS[form]
    events = [post(f"hello {at}", time_us=NOON_US + at) for at in range(number)]
    lines = list(write(events))

    found = read_lines_of(lines, tmp_path)

    assert (len(found.events), found.counts.extra_values, found.rejected) == (number, number - len(lines), [])
    assert [row["text"] for row in found.events] == [event["commit"]["record"]["text"] for event in events]
    assert {row["collection"] for row in found.events} == {POST}
    assert {row["parent_uri"] for row in found.events} == {None}
    assert found.counts.outside_day == 0


def test_a_json_array_that_spans_lines_is_read(tmp_path):
    array = json.dumps([post("a"), post("b")]).encode()
    pretty = [b"[", line(post("c")) + b",", line(post("d")), b"]"]
    joined = [b"[" + line(post("e")) + b",", line(post("f")) + b",", line(post("g")) + b"]"]

    found = read_lines_of([array, *pretty, *joined], tmp_path)

    assert sorted(row["text"] for row in found.events) == list("abcdefg")
    assert found.reasons == ["a JSON array's bracket"] * 2
    assert [row["line_number"] for row in found.rejected] == [2, 5]


def test_many_events_on_one_line_give_the_same_bytes_as_on_lines_of_their_own(tmp_path):
    events = many_events(3000)

    one_line = read_lines_of([b",".join(events)], tmp_path / "one")
    lines = read_lines_of(events, tmp_path / "many")

    assert one_line.bytes[0] == lines.bytes[0]
    assert (one_line.counts.lines, one_line.counts.extra_values) == (1, 2999)
    assert one_line.counts.out_of_order == lines.counts.out_of_order


@pytest.mark.parametrize("run_bytes", [1, 1 << 25])
def test_a_sequence_number_of_zero_is_kept_for_any_size_of_runs(tmp_path, monkeypatch, run_bytes):
    monkeypatch.setattr(read, "RUN_BYTES", run_bytes)
    events = [like(rkey="k", rev="r", time_us=NOON_US + seq) | {"seq": seq} for seq in range(3)]

    found = read_lines_of(events, tmp_path)

    assert [row["seq"] for row in found.events] == [0, 1, 2]


def test_the_tables_have_the_declared_schema(tmp_path):
    read_lines_of(EVENTS + BAD, tmp_path)

    for name, schema in (("raw_events", tables.RAW_EVENTS), ("rejected_lines", tables.REJECTED_LINES)):
        stored = tables.add_day_field(schema)
        require_schema(pq.read_schema(tmp_path / "scratch" / f"{name}.parquet"), stored, table=name)


def test_a_day_of_rejected_lines_only_is_an_empty_table(tmp_path):
    found = read_lines_of(BAD, tmp_path)

    assert found.events == []
    assert len(found.rejected) == len(BAD)


@pytest.fixture
def endless(tmp_path):
    """Two sparse files of zeros, each large enough for a worker of its own, that take minutes to read."""
    files = [CaptureFile(UPath(tmp_path / name), name, 1 << 26) for name in ("a", "b")]
    for file in files:
        file.path.touch()
        os.truncate(file.path, 1 << 42)
    (tmp_path / "scratch").mkdir()
    return files


def parse_endless(files, scratch):
    parse_files(files, day=DAY, workers=2, scratch=scratch)


def find_readers(files):
    """Return the sorted ids of the processes that have one of the files open."""
    paths = {str(file.path) for file in files}
    readers = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # closed in the meantime, or of another user
            if str(link.readlink()) in paths:
                readers.add(int(link.parts[2]))
    return sorted(readers)


def wait_for_readers(files, count):
    while len(find_readers(files)) != count:
        time.sleep(0.05)


def test_workers_do_not_import_the_program_that_runs(tmp_path):
    for hour in range(2):
        write_file(tmp_path / "capture" / str(DAY) / f"{hour:02}.jsonl", [post()])
    program = tmp_path / "program.py"
    program.write_text(
        f"""import datetime as dt
import sys
from pathlib import Path

with Path({str(tmp_path / "imports")!r}).open("a") as imports:
    imports.write("imported\\n")

if __name__ == "__main__":
    from upath import UPath
    from persona_assets.assets.raw_events import parse
    from persona_assets.capture.files import find_files

    parse._BYTES_WORTH_A_WORKER = 1
    day = dt.date.fromisoformat({str(DAY)!r})
    files = find_files(UPath({str(tmp_path / "capture")!r}), day, pattern=None)
    scratch = Path({str(tmp_path / "scratch")!r})
    scratch.mkdir()
    assert parse.parse_files(files, day=day, workers=2, scratch=scratch).counts.lines == 2
    assert sys.modules["__main__"].__file__ == {str(program)!r}
"""
    )

    subprocess.run([sys.executable, program], check=True)

    assert (tmp_path / "imports").read_text() == "imported\n"


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="needs /proc to see which process reads a file"
)


@needs_proc
@pytest.mark.parametrize("which", [0, 1])
def test_a_killed_worker_raises_an_error_with_the_remedy(endless, tmp_path, which):
    def kill_a_worker():
        wait_for_readers(endless, 2)
        os.kill(find_readers(endless)[which], signal.SIGKILL)

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    with pytest.raises(WorkerKilledError, match="one of 2 processes .* 2025-03-01 was killed.* PERSONA_WORKERS lower"):
        parse_endless(endless, tmp_path / "scratch")
    killer.join()


@needs_proc
def test_workers_end_when_the_step_is_killed(endless, tmp_path):
    step = multiprocessing.get_context("spawn").Process(target=parse_endless, args=(endless, tmp_path / "scratch"))
    step.start()
    wait_for_readers(endless, 2)

    step.kill()

    wait_for_readers(endless, 0)


def write_faulty_day(capture):
    """Write a capture with valid files and one of each kind of faulty file; return the number of valid lines."""
    day = capture / "2025-03-01"
    sound = [line(like(rkey=f"k{number}", rev=f"r{number}", time_us=NOON_US + number)) for number in range(700)]
    packed = gzip.compress(b"\n".join(sound[:100]) + b"\n")
    frame = zstandard.compress(b"\n".join(sound[100:200]) + b"\n")
    contents = {
        "a": b"\n".join(sound[200:300]),
        "b.gz": packed[:-20] + packed,
        "c.zst": frame[:-20] + frame,
        "d.gz.xz": lzma.compress(gzip.compress(b"\n".join(sound[300:400]))),
        "e.utf16": b"\r\n".join(sound[400:500]).decode().encode("utf-16"),
        "f.zip": b"PK\x03\x04\x14" + bytes(100),
        "g.bz2": bz2.compress(b"\n".join(sound[500:600])),
        "h.gz": gzip.compress(b"\n".join(sound[600:]) + b"\n" + bytes(20 << 20)),
        "i.zst": b"\x28\xb5\x2f\xfd\x03\0\x07\0\0\0\x01\0\0",
        "j": b"",
        "k": b"\xff\xfe\0\0" + bytes(400),
        os.fsdecode(b"\xff"): b"bad",
        os.fsdecode(b"\xfe"): b"bad",
    }
    day.mkdir(parents=True)
    for name, content in contents.items():
        (day / name).write_bytes(content)
    os.mkfifo(day / "l")
    (day / "m").symlink_to("/dev/zero")
    (day / "n").symlink_to(day)
    (day / "o.jsonl").mkdir()
    return len(sound)


def test_a_day_of_faults_is_the_same_with_any_number_of_workers(monkeypatch, tmp_path):
    monkeypatch.setattr("persona_assets.assets.raw_events.parse._BYTES_WORTH_A_WORKER", 1)
    sound = write_faulty_day(tmp_path / "capture")

    found = [read_day(tmp_path / "capture", tmp_path / f"scratch-{n}", workers=n) for n in (1, 2, 4, 8)]

    assert len({one.bytes for one in found}) == 1
    assert all(one.counts == found[0].counts for one in found)
    assert len({row["rkey"] for row in found[0].events}) == sound
    assert found[0].counts.lines == len(found[0].events) + len(found[0].rejected)
    assert [(row["source_file"].removeprefix("2025-03-01/"), row["reason"]) for row in found[0].rejected] == [
        ("\\xfe", "not JSON"),
        ("\\xff", "not JSON"),
        ("b.gz", "the file ends inside a gzip frame"),
        ("c.zst", "the compressed data is damaged"),
        ("f.zip", "a zip archive"),
        ("h.gz", "a line longer than 16 MiB"),
        ("i.zst", "a zstd dictionary is missing"),
        ("k", "text in UTF-32"),
        ("l", "not a file, folder or link"),
        ("m", "not a file, folder or link"),
        ("n", "a folder that was listed under another name: a link leads back to it"),
        ("o.jsonl", "a folder where a file should be"),
    ]
    assert [name.removeprefix("2025-03-01/") for name, _ in found[0].counts.first_files_without_events] == [
        "\\xfe",
        "\\xff",
        "f.zip",
        "i.zst",
        "k",
    ]


def cut(packed):
    """The first half of a frame: its writer was killed, and began another frame later."""
    return packed[: len(packed) // 2]


DICTIONARY = 7


def train_dictionary():
    samples = [line(post(f"sample {number} of {number**3}")) for number in range(300)]
    return zstandard.train_dictionary(4096, samples, dict_id=DICTIONARY)


def compress_with(dictionary):
    return zstandard.ZstdCompressor(dict_data=dictionary).compress


# How two hundred events, and then two hundred others, are packed in a file; which of them are read, and what is said.
DAMAGES = {
    "xz.jsonl.xz": (lambda one, other: lzma.compress(one + other), range(400), []),
    "cut-member.jsonl.gz": (
        lambda one, other: cut(gzip.compress(one)) + gzip.compress(other),
        None,  # how many lines a half of a member has depends on zlib: all whole ones, from the first on
        ["the file ends inside a gzip frame"],
    ),
    # The cut frame has a single block, which zstd decompresses as a whole or not at all.
    "cut-frame.jsonl.zst": (
        lambda one, other: cut(zstandard.compress(one)) + zstandard.compress(other),
        range(200, 400),
        ["the compressed data is damaged"],
    ),
    "utf16.jsonl": (lambda one, other: (one + other).decode().replace("\n", "\r\n").encode("utf-16"), range(400), []),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_captures_are_read_as_far_as_possible(tmp_path, name):
    pack, readable, reasons = DAMAGES[name]
    lines = [line(post(f"number {at}", time_us=NOON_US + at)) + b"\n" for at in range(400)]
    one, other = b"".join(lines[:200]), b"".join(lines[200:])
    day = tmp_path / "capture" / "2025-03-01"
    day.mkdir(parents=True)
    (day / name).write_bytes(pack(one, other))
    if readable is None:
        kept = zlib.decompressobj(wbits=31).decompress(cut(gzip.compress(one))).count(b"\n")
        assert 50 < kept < 200
        readable = [*range(kept), *range(200, 400)]

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert [row["text"] for row in found.events] == [f"number {at}" for at in readable]
    assert found.reasons == reasons


def read_with_dictionary(dictionary, dictionaries, tmp_path):
    """Read frames of a line each, all compressed with this dictionary."""
    events = [post(f"number {at}", time_us=NOON_US + at) for at in range(5)]
    day = tmp_path / "capture" / "2025-03-01"
    day.mkdir(parents=True)
    pack = compress_with(dictionary)
    (day / "stream.jsonl.zst").write_bytes(b"".join(pack(line(event) + b"\n") for event in events))
    return read_day(tmp_path / "capture", tmp_path / "scratch", dictionaries=dictionaries)


def test_frames_that_were_compressed_with_a_dictionary_are_read_where_it_is_given(tmp_path):
    dictionary = train_dictionary()
    (tmp_path / "dictionary").write_bytes(dictionary.as_bytes())

    found = read_with_dictionary(dictionary, tmp_path / "dictionary", tmp_path)

    assert ([row["text"] for row in found.events], found.rejected) == ([f"number {at}" for at in range(5)], [])


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["legacy_subscribe.zdict", "subscribe_events_20260811.zdict"])
def test_frames_of_jetstreams_compressed_streams_are_read(third_party_data, tmp_path, name):
    file = third_party_data(f"jetstream/{name}", "Jetstream's zstd dictionaries (bluesky-social/jetstream)")
    dictionary = zstandard.ZstdCompressionDict(file.read_bytes())

    found = read_with_dictionary(dictionary, file, tmp_path)

    assert ([row["text"] for row in found.events], found.rejected) == ([f"number {at}" for at in range(5)], [])


def test_ten_thousand_tiny_files_are_read_and_few_are_named(tmp_path):
    for number in range(10_000):
        write_file(tmp_path / "capture" / "2025-03-01" / f"{number % 24:02}" / f"{number}", [b"bad"])

    counts = read_day(tmp_path / "capture", tmp_path / "scratch").counts

    assert (counts.files, counts.files_without_events, len(counts.first_files_without_events)) == (10_000, 10_000, 20)
