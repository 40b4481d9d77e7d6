import datetime as dt
import errno

import pytest

from persona_assets.archive.client import ArchiveClient
from persona_assets.archive.day import MANIFEST, download_day, is_day_archived
from persona_assets.errors import ArchiveError, StorageError
from persona_assets_tests.archive.segments import checksum_of, event_row, in_blocks, write_segment
from persona_assets_tests.archive_server import ArchiveServer, Fault, serving
from persona_assets_tests.assets.raw_events.builders import DAY, like, read_day

HOUR_US = 3_600_000_000
MIDNIGHT_US = 1_740_787_200_000_000


def hours(first, last):
    """A segment with an event for each hour from `first` to `last` of the day."""
    rows = [event_row(like(time_us=MIDNIGHT_US + hour * HOUR_US), 1000 + hour) for hour in range(first, last + 1)]
    return write_segment(in_blocks(rows, 3))


@pytest.fixture
def archive():
    segments = {"seg_0.jss": hours(-30, -5), "seg_1.jss": hours(-4, 5), "seg_2.jss": hours(6, 20)}
    segments |= {"seg_3.jss": hours(21, 23), "seg_4.jss": hours(24, 30)}
    with serving(ArchiveServer(segments)) as server:
        yield server


@pytest.fixture
def client(archive):
    with ArchiveClient(archive.url, timeout_s=5, sleep=lambda _: None) as client:
        yield client


def test_a_day_has_the_segments_that_meet_it_and_its_own_events(archive, client, tmp_path):
    seen = []

    made = download_day(client, DAY, tmp_path / "capture", on_progress=lambda done, total: seen.append((done, total)))

    names = ["seg_1.jss", "seg_2.jss", "seg_3.jss"]
    assert [segment.name for segment in made.manifest.segments] == names
    assert all((made.folder / name).read_bytes() == archive.segments[name] for name in names)
    assert made.downloaded_bytes == sum(len(archive.segments[name]) for name in names) == seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)
    assert is_day_archived(tmp_path / "capture", DAY)
    assert sorted(path.name for path in (tmp_path / "capture").iterdir()) == ["2025-03-01"]
    found = read_day(tmp_path / "capture", tmp_path / "scratch")
    assert [(row["event_time_us"] - MIDNIGHT_US) // HOUR_US for row in found.events] == list(range(24))
    assert (found.counts.other_days, found.rejected) == (4, [])
    assert made.events == 28


def test_a_day_that_is_there_is_not_downloaded_again(archive, client, tmp_path):
    first = download_day(client, DAY, tmp_path)
    archive.requests.clear()

    again = download_day(client, DAY, tmp_path)

    assert (again.manifest, again.downloaded_bytes) == (first.manifest, 0)
    assert archive.asked_for("getSegment") == []


def test_an_interrupted_download_leaves_no_day_and_goes_on(archive, client, tmp_path):
    archive.faults += [("getSegment", Fault()), ("getSegment", Fault(cut_after=200))]
    archive.faults += [("getSegment", Fault(404, body=b'{"error":"SegmentNotFound"}'))]

    with pytest.raises(ArchiveError, match="status 404"):
        download_day(client, DAY, tmp_path)
    assert not (tmp_path / "2025-03-01").exists()
    assert not is_day_archived(tmp_path, DAY)
    made = download_day(client, DAY, tmp_path)

    lengths = [len(archive.segments[name]) for name in ("seg_1.jss", "seg_2.jss", "seg_3.jss")]
    assert made.downloaded_bytes == sum(lengths) - lengths[0] - 200
    assert is_day_archived(tmp_path, DAY)


def test_segments_that_are_rewritten_meanwhile_are_listed_again(archive, client, tmp_path):
    smaller = hours(7, 20)

    def rewrite():
        archive.segments["seg_2.jss"] = smaller

    archive.faults.append(("getSegment", Fault(act=rewrite)))

    made = download_day(client, DAY, tmp_path)

    assert [segment.checksum for segment in made.manifest.segments][1] == checksum_of(smaller)
    assert len(archive.asked_for("listSegments")) == 2


def test_an_archive_that_is_rewritten_all_the_time_is_an_error(archive, client, tmp_path):
    archive.faults += [("getSegment", Fault(412))] * 4

    with pytest.raises(ArchiveError, match="rewrote segments"):
        download_day(client, DAY, tmp_path)


def test_a_rewritten_day_replaces_its_segments_and_leaves_other_files(archive, client, tmp_path):
    download_day(client, DAY, tmp_path)
    (tmp_path / "2025-03-01" / "07.jsonl").write_bytes(b"")
    archive.segments = {"seg_0.jss": archive.segments["seg_0.jss"], "seg_9.jss": hours(-4, 30)}

    made = download_day(client, DAY, tmp_path)

    assert sorted(path.name for path in made.folder.iterdir()) == [MANIFEST, "07.jsonl", "seg_9.jss"]
    assert is_day_archived(tmp_path, DAY)


def test_a_segment_of_another_checksum_than_listed_is_removed(archive, client, tmp_path):
    spoiled = Fault(replace=lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:])
    archive.faults.append(("getSegment", spoiled))

    with pytest.raises(ArchiveError, match="does not match the checksum"):
        download_day(client, DAY, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (dt.date(2025, 2, 1), "cannot be cut out .* 2025-02-27 18:00 UTC.*cohort of accounts"),
        (dt.date(2025, 2, 27), "cannot be cut out"),
        (dt.date(2025, 3, 2), "ends at 2025-03-02 06:00 UTC, before 2025-03-02 does"),
        (dt.date(2025, 4, 1), "ends at"),
    ],
)
def test_days_that_the_archive_does_not_cover_are_refused_with_the_reason(archive, client, tmp_path, day, said):
    with pytest.raises(ArchiveError, match=said):
        download_day(client, day, tmp_path)
    assert archive.asked_for("getSegment") == []
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_too_large_is_refused_before_it_is_downloaded(archive, client, tmp_path):
    with pytest.raises(ArchiveError, match="cohort of accounts"):
        download_day(client, DAY, tmp_path, max_bytes=100)
    assert archive.asked_for("getSegment") == []


def test_an_archive_without_segments_is_an_error(archive, client, tmp_path):
    archive.segments = {}

    with pytest.raises(ArchiveError, match="lists no segment"):
        download_day(client, DAY, tmp_path)


def test_segments_that_are_not_listed_between_others_are_named(archive, client, tmp_path):
    about = archive.about

    def skip_one(name):
        found, read = about(name)
        return found | {"index": found["index"] + (found["index"] > 1)}, read

    archive.about = skip_one

    assert download_day(client, DAY, tmp_path).manifest.missing_indexes == [2]


def test_a_full_disk_is_a_clear_error(client, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArchiveClient, "fetch_segment", fail)

    with pytest.raises(StorageError, match="no space left"):
        download_day(client, DAY, tmp_path)
    assert not (tmp_path / "2025-03-01").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b'{"day":"x"}'])
def test_a_damaged_manifest_is_none(tmp_path, content):
    (tmp_path / "2025-03-01").mkdir()
    (tmp_path / "2025-03-01" / MANIFEST).write_bytes(content)

    assert not is_day_archived(tmp_path, DAY)
