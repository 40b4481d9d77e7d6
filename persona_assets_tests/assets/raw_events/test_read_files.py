import gc
from collections import Counter

from upath import UPath

from persona_assets.assets.raw_events import read_files as read
from persona_assets.assets.raw_events.read_counts import ReadCounts
from persona_assets.assets.raw_events.read_files import read_files_into_runs
from persona_assets.capture.capture_file import CaptureFile
from persona_assets_tests.assets.raw_events.builders import DAY, NOON_US, like, line, post, write_file


def capture_file(path, problem=None):
    return CaptureFile(UPath(path), path.name, path.stat().st_size if path.exists() else 0, problem)


def test_a_run_may_hold_the_lines_of_several_files(tmp_path, monkeypatch):
    files = [capture_file(write_file(tmp_path / name, [like() for _ in range(10)])) for name in "abc"]
    monkeypatch.setattr(read, "RUN_BYTES", files[0].size * 3 // 2)

    parsed = read_files_into_runs(files, DAY, tmp_path / "spool")

    assert len(parsed.runs) == 2
    assert parsed.counts.events == 30
    assert parsed.counts.bytes == sum(file.size for file in files)


def test_a_file_that_cannot_be_read_is_one_rejected_line(tmp_path):
    parsed = read_files_into_runs(
        [capture_file(tmp_path / "a", "a folder where a file should be")], DAY, tmp_path / "spool"
    )

    assert parsed.counts.rejected == {"a folder where a file should be": 1}
    assert (parsed.counts.lines, parsed.counts.broken_files, parsed.runs) == (1, 1, [])


def test_the_garbage_collector_is_enabled_again(tmp_path):
    assert gc.isenabled()

    read_files_into_runs([capture_file(write_file(tmp_path / "a", [post()]))], DAY, tmp_path / "spool")

    assert gc.isenabled()


def test_each_object_of_a_shared_line_is_counted(tmp_path):
    array = b"[%s,%s]" % (line(like(time_us=NOON_US + 2)), line(like(time_us=NOON_US + 1)))
    lines = [like(), array, line(like(time_us=NOON_US + 3)) + b'{"a": {}}', b"bad", b"]", post()]

    counts = read_files_into_runs([capture_file(write_file(tmp_path / "a", lines))], DAY, tmp_path / "spool").counts

    assert (counts.lines, counts.extra_values, counts.events) == (6, 2, 5)
    assert counts.rejected == {"no did": 1, "not JSON": 1, "a JSON array's bracket": 1}
    assert counts.out_of_order == 2
    assert counts.lines + counts.extra_values == counts.events + counts.rejected.total()


def test_each_truncated_text_is_counted_once(tmp_path, monkeypatch):
    file = capture_file(write_file(tmp_path / "a", [post("x" * 3001), post("x" * 3000)] * 3))
    monkeypatch.setattr(read, "RUN_BYTES", 1)

    assert read_files_into_runs([file], DAY, tmp_path / "spool").counts.cut_texts == 3


def test_counts_of_two_processes_are_added():
    one, other = ReadCounts(files=1, lines=2), ReadCounts(files=3, lines=4)
    one.rejected["x"] += 1
    other.rejected["x"] += 2

    one.add(other)

    assert (one.files, one.lines, one.rejected["x"]) == (4, 6, 3)


def test_rare_collections_are_counted_together(monkeypatch):
    monkeypatch.setattr("persona_assets.assets.raw_events.read_counts._MAX_KINDS", 10)
    counts = ReadCounts()

    for number in range(100):
        counts.add(
            ReadCounts(kinds=Counter({("commit", f"com.example.thing{number}", "create"): 2, ("sync", None, None): 3}))
        )

    assert len(counts.kinds) <= 12
    assert counts.events == 500
    assert counts.kinds["sync", None, None] == 300
