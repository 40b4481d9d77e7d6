import datetime as dt
import json

import pytest
import zstandard

from persona_assets.archive.client import ArchiveClient
from persona_assets.archive.cohort import download_cohort
from persona_assets.errors import ArchiveError
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment
from persona_assets_tests.archive_server import ArchiveServer, Fault, serving
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB, account, delete, like, post, read_day

CAROL = "did:plc:cccccccccccccccccccccccc"
BEGIN_US = 1_785_000_000_000_000  # 2026-07-25 17:20 UTC, when the server began


def created(text, when, user=ALICE):
    event = post(text, user=user, time_us=BEGIN_US)
    event["commit"]["record"]["createdAt"] = when
    return event


EVENTS = [
    created("old", "2024-05-01T10:00:00.000Z"),
    created("older", "2023-02-03T23:59:59+00:00"),
    created("invented", "1999-01-01T00:00:00Z"),
    created("future", "2099-01-01T00:00:00Z"),
    created("no time", "yesterday"),
    created("others", "2024-05-01T10:00:00.000Z", user=CAROL),
    delete(user=ALICE, time_us=BEGIN_US),
    account(user=BOB, active=False, status="deactivated", time_us=BEGIN_US),
    like(user=BOB, time_us=BEGIN_US + 1),
]


@pytest.fixture(params=["segment", "blocks"])
def archive(request):
    rows = [event_row(event, seq) for seq, event in enumerate(EVENTS, 1)]
    rows[8]["indexed"] = 1_714_600_000_000_000  # 2024-05-01
    segments = {"seg_0.jss": write_segment(in_blocks(rows[:5], 2)), "seg_1.jss": write_segment(in_blocks(rows[5:], 2))}
    with serving(ArchiveServer(segments, page=1, mode=request.param)) as server:
        yield server


@pytest.fixture
def client(archive):
    with ArchiveClient(archive.url, timeout_s=5, sleep=lambda _: None) as client:
        yield client


def test_a_cohort_is_put_into_its_days_and_nobody_else_is(archive, client, tmp_path):
    kept = []

    made = download_cohort(client, [BOB, ALICE, BOB], tmp_path / "capture", on_progress=kept.append)

    assert [day.isoformat() for day in made.days] == ["2023-02-03", "2024-05-01", "2026-07-25"]
    assert made.events == {"created": 2, "imported": 1, "witnessed": 5}
    assert (made.over_selected, made.dropped, kept) == (1, {}, [5, 3])
    days = {day: read_day(tmp_path / "capture", tmp_path / f"scratch-{day}", day=day) for day in made.days}
    assert [len(found.events) for found in days.values()] == [1, 2, 5]
    assert all(found.rejected == [] and found.counts.outside_day == 0 for found in days.values())
    texts = [row["text"] for found in days.values() for row in found.events if row["text"]]
    assert sorted(texts) == ["future", "invented", "no time", "old", "older"]
    assert archive.asked_for("planSnapshot")[-1][1] == {}
    assert json.loads(archive.asked_for("planSnapshot")[-1][3])["beforeSeq"] == 9


def test_the_same_cohort_again_replaces_its_files_and_is_the_same_bytes(archive, client, tmp_path):
    first = download_cohort(client, [ALICE, BOB], tmp_path)
    contents = [path.read_bytes() for path in first.files]

    again = download_cohort(client, [BOB, ALICE], tmp_path)

    assert again.files == first.files
    assert [path.read_bytes() for path in again.files] == contents
    archive.segments = {"seg_0.jss": archive.segments["seg_0.jss"]}
    fewer = download_cohort(client, [BOB, ALICE], tmp_path)
    assert [path for path in tmp_path.rglob("cohort-*") if path.is_file()] != []
    assert sorted(path for path in tmp_path.rglob("*.zst")) == sorted(fewer.files)


def test_many_lines_are_written_in_parts(client, tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.archive.cohort._HELD_BYTES", 1)

    made = download_cohort(client, [ALICE, BOB], tmp_path)

    unpacker = zstandard.ZstdDecompressor()
    unpacked = [unpacker.stream_reader(path.read_bytes(), read_across_frames=True).read() for path in made.files]
    assert b"".join(unpacked).count(b"\n") == 8


def test_an_interrupted_cohort_leaves_nothing_in_the_days(archive, client, tmp_path):
    request = "getSegment" if archive.mode == "segment" else "getBlock"
    archive.faults += [(request, Fault()), (request, Fault(403))]

    with pytest.raises(ArchiveError, match="status 403"):
        download_cohort(client, [ALICE], tmp_path)

    assert list(tmp_path.glob("[0-9]*")) == []
    assert len(download_cohort(client, [ALICE], tmp_path).days) == 3
    assert list(tmp_path.glob(".*")) == []


def test_segments_that_are_rewritten_are_planned_again(archive, client, tmp_path):
    request = "getSegment" if archive.mode == "segment" else "getBlock"
    archive.faults.append((request, Fault(412)))

    assert sum(download_cohort(client, [ALICE], tmp_path).events.values()) == 6


@pytest.mark.parametrize("dids", [[], ["alice"], [ALICE, "did:plc:a b"], [""]])
def test_what_is_no_account_id_is_refused_unquoted(client, tmp_path, dids):
    with pytest.raises(ArchiveError, match="cohort is empty or holds") as found:
        download_cohort(client, dids, tmp_path)
    assert "alice" not in str(found.value)


def test_large_cohorts_are_planned_in_groups(archive, client, tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.archive.cohort.MAX_DIDS", 1)

    made = download_cohort(client, [ALICE, BOB], tmp_path)

    assert sum(made.events.values()) == 8
    assert made.over_selected == 10
    assert [json.loads(request[3])["dids"] for request in archive.asked_for("planSnapshot")] == [
        [ALICE], [ALICE], [BOB], [BOB],
    ]  # fmt: skip
    assert made.days[0] == dt.date(2023, 2, 3)
