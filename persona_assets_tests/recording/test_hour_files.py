import errno
import os

import pytest
import zstandard

from persona_assets.errors import StorageError
from persona_assets.recording import hour_files
from persona_assets.recording.hour_files import HOUR_US, HourFileWriter, choose_free_hour_file
from persona_assets_tests.recording.recorded import read_lines

HOUR = 1_740_873_600_000_000 - HOUR_US  # 2025-03-01T23


def test_lines_go_to_the_hour_of_their_time_and_appear_when_it_is_over(tmp_path):
    files = HourFileWriter(tmp_path)
    files.add_line(HOUR, b"a")
    files.add_line(HOUR + HOUR_US, b"b")
    files.add_line(HOUR + HOUR_US - 1, b"c")

    assert files.buffered_bytes == 6
    assert files.flush() == [tmp_path / "2025-03-01", tmp_path / "2025-03-02"]
    assert files.buffered_bytes == 0
    assert read_lines(tmp_path) == {}
    files.finish_before(HOUR + HOUR_US)
    assert read_lines(tmp_path) == {"2025-03-01/23.jsonl.zst": [b"a", b"c"]}
    files.finish_all()
    assert read_lines(tmp_path)["2025-03-02/00.jsonl.zst"] == [b"b"]
    assert not files.has_open_files
    assert [path.name for path in files.finished] == ["23.jsonl.zst", "00.jsonl.zst"]


def test_late_lines_get_a_further_file(tmp_path):
    for line in (b"a", b"b", b"c"):
        files = HourFileWriter(tmp_path)
        files.add_line(HOUR, line)
        files.flush()
        files.finish_all()

    names = [f"2025-03-01/23{more}.jsonl.zst" for more in ("-2", "-3", "")]
    assert read_lines(tmp_path) == dict(zip(names, [[b"b"], [b"c"], [b"a"]], strict=True))
    assert choose_free_hour_file(tmp_path / "2025-03-01", "23").name == "23-4.jsonl.zst"


def test_a_file_goes_on_after_its_last_whole_frame(tmp_path):
    files = HourFileWriter(tmp_path)
    files.add_line(HOUR, b"a")
    files.flush()
    (partial,) = tmp_path.glob("*/.*.partial")
    with partial.open("ab") as opened:
        opened.write(zstandard.compress(b"lost\n")[:-2])

    files = HourFileWriter(tmp_path)
    files.add_line(HOUR, b"b")
    files.flush()
    files.finish_all()

    assert read_lines(tmp_path) == {"2025-03-01/23.jsonl.zst": [b"a", b"b"]}


def test_a_file_in_which_nothing_is_whole_is_removed(tmp_path):
    partial = tmp_path / "2025-03-01" / ".23.jsonl.zst.partial"
    partial.parent.mkdir()
    partial.write_bytes(b"\x28\xb5")

    HourFileWriter(tmp_path).finish_all()

    assert list(partial.parent.iterdir()) == []


def test_a_full_disk_is_one_clear_error_and_leaves_files_whole(tmp_path, monkeypatch):
    files = HourFileWriter(tmp_path)
    files.add_line(HOUR, b"a")
    files.flush()
    write = os.write

    def fill(descriptor, content):
        write(descriptor, bytes(content)[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    files.add_line(HOUR, b"b")
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="no space left in the capture"):
        patch.setattr(hour_files.os, "write", fill)
        files.flush()
    files.flush()  # with space again nothing is lost
    files.finish_all()

    assert read_lines(tmp_path) == {"2025-03-01/23.jsonl.zst": [b"a", b"b"]}


def test_not_more_hours_are_open_than_a_day_and_a_few(tmp_path):
    files = HourFileWriter(tmp_path)
    for hour in range(100):
        files.add_line(HOUR + hour * HOUR_US, b"a")
    files.flush()

    assert len(list(tmp_path.glob("*/.*.partial"))) == 30
