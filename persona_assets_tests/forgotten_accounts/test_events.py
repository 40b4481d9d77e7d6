import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.common.lexicon import AI_PREFERENCE, BLOCK, FOLLOW, REPOST
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.forgotten_accounts.events import forget_events, names_forgotten
from persona_assets.forgotten_accounts.rows import remove_account_rows
from persona_assets.forgotten_accounts.tombstones import Tombstones
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment
from persona_assets_tests.assets.raw_events.builders import (
    ALICE,
    BOB,
    NOON_US,
    account,
    commit,
    delete,
    embed_record,
    identity,
    like,
    post,
    read_day,
    read_lines_of,
)

CAROL, WEB = "did:plc:" + "c" * 24, "did:web:example.com"
TOMBSTONES = Tombstones(bytes(32)).add([ALICE, WEB])
BY_ALICE, BY_BOB = (f"at://{user}/app.bsky.feed.post/1" for user in (ALICE, BOB))
REPLY = {"parent": {"uri": BY_ALICE}, "root": {"uri": BY_BOB}}
KEPT = [
    post("a reply", user=BOB, reply=REPLY, time_us=NOON_US + 1),
    post("a quote", user=BOB, embed=embed_record(BY_ALICE), time_us=NOON_US + 2),
    post(f"ask {ALICE}, or did%3Aweb%3Aexample.com", user=CAROL, time_us=NOON_US + 3),
    post("x", user=BOB, reply={"parent": {"uri": f"at://{BOB}/app.bsky.feed.post/{ALICE}"}}, time_us=NOON_US + 4),
    commit(AI_PREFERENCE, {"scope": {"entity": ALICE}}, user=CAROL, time_us=NOON_US + 5),
    like(BY_BOB, user=CAROL, time_us=NOON_US + 6),
    delete(user=CAROL, time_us=NOON_US + 7),
]
OWN = [post("mine"), like(BY_BOB), delete(), account(), identity(), post("ours", user=WEB)]
ABOUT = [
    like(BY_ALICE, user=BOB),
    commit(REPOST, {"subject": {"uri": BY_ALICE}}, user=BOB),
    commit(FOLLOW, {"subject": ALICE}, user=BOB),
    commit(BLOCK, {"subject": WEB}, user=CAROL),
]
REJECTED = [b"{not JSON", b'{"did":"' + BOB.encode()]
FORGOTTEN_LINES = [b'{"did":"' + ALICE.encode(), b"<<< " + WEB.encode() + b"."]
LINES = [*KEPT, *OWN, *ABOUT, *REJECTED, *FORGOTTEN_LINES]


def test_a_capture_that_is_parsed_again_is_as_if_it_had_been_forgotten_after_parsing(tmp_path):
    before = read_lines_of(LINES, tmp_path / "before")

    after = read_day(tmp_path / "before" / "capture", tmp_path / "scratch", tombstones=TOMBSTONES)

    expected = remove_account_rows(before.table.drop_columns("day"), Accounts([ALICE, WEB])).table
    assert after.table.drop_columns("day").to_pylist() == expected.to_pylist()
    assert len(after.events) == len(KEPT)
    assert ALICE not in repr(after.events)
    assert WEB not in repr(after.events)
    assert [row["raw"] for row in after.rejected] == REJECTED


def test_totals_add_up(tmp_path):
    counts = read_lines_of(LINES, tmp_path, tombstones=TOMBSTONES).counts

    assert counts.lines + counts.extra_values == counts.events + counts.rejected.total() + counts.forgotten.total()
    assert list(counts.forgotten.values()) == [len(FORGOTTEN_LINES), len(OWN), len(ABOUT)]
    assert counts.forgotten_references == 5
    assert counts.files_without_events == 0


def test_lines_that_are_decoded_slowly_are_left_out_too(tmp_path):
    unknown = commit("com.example.thing", {"a": 1})
    several = b"[" + b",".join([b'{"kind":1}'] * 2) + b"]"

    day = read_lines_of([unknown, several, KEPT[5]], tmp_path, tombstones=TOMBSTONES)

    assert [row["user_id"] for row in day.events] == [CAROL]
    assert day.counts.forgotten.total() == 1


def test_archive_segments_are_left_out_as_lines_are(tmp_path):
    rows = [event_row(event, seq) for seq, event in enumerate([*KEPT[:4], *OWN[:4], *ABOUT], 1)]
    file = tmp_path / "capture" / "2025-03-01" / "seg.jss"
    file.parent.mkdir(parents=True)
    file.write_bytes(write_segment(in_blocks(rows, 4)))

    day = read_day(tmp_path / "capture", tmp_path / "scratch", tombstones=TOMBSTONES)

    assert [row["text"] for row in day.events] == ["a reply", "a quote", "ask [DID], or [DID]", "x"]
    assert (day.counts.forgotten.total(), day.counts.forgotten_references) == (8, 4)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_day_of_forgotten_accounts_alone_is_empty(tmp_path, workers):
    day = read_lines_of(OWN, tmp_path, tombstones=TOMBSTONES, workers=workers)

    assert (day.events, day.counts.events, day.counts.forgotten.total()) == ([], 0, len(OWN))


def test_events_without_forgotten_accounts_are_the_same_table(tmp_path):
    day = read_lines_of(LINES, tmp_path)
    others = Tombstones(bytes(32)).add(["did:plc:" + "z" * 24])
    table = pq.read_table(tmp_path / "scratch" / "raw_events.parquet").select(tables.RAW_EVENTS.names)

    assert forget_events(table, others).table is table
    assert len(day.events) == len(table)


def test_pseudonymised_ids_are_found_in_uris():
    own, other = "ab" * 32, "cd" * 32
    rows = [
        {"event_time_us": 1, "user_id": other, "kind": "commit", "parent_uri": f"at://{user}/app.bsky.feed.post/1"}
        for user in (own, other)
    ]
    table = pa.Table.from_pylist(rows, schema=tables.RAW_EVENTS)

    done = forget_events(table, Tombstones(bytes(32)).add([own]))

    assert done.references == 1
    assert own not in repr(done.table.to_pylist())


def test_lines_that_are_no_events_are_searched():
    assert names_forgotten(b"\xff" + ALICE.encode() + b"zz", TOMBSTONES)
    assert names_forgotten(WEB.encode() + b".", TOMBSTONES)
    assert not names_forgotten(BOB.encode() * 3, TOMBSTONES)
