import pytest
from upath import UPath

from persona_assets.assets.raw_events.read_segments import read_blocks
from persona_assets.assets.raw_events.split_lines import ReadFailure
from persona_assets.capture.capture_file import CaptureFile
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment
from persona_assets_tests.assets.raw_events.builders import NOON_US, like, read_day

ROWS = [event_row(like(time_us=NOON_US + seq), seq) for seq in range(1, 11)]
SEGMENT = write_segment(in_blocks(ROWS, 4))


def write(folder, content, name="seg.jss"):
    file = folder / "capture" / "2025-03-01" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_blocks_come_with_the_number_of_their_first_event(tmp_path):
    file = write(tmp_path, SEGMENT)

    found = list(read_blocks(CaptureFile(UPath(file), "seg.jss", len(SEGMENT))))

    assert [(first, len(block.seqs)) for first, block in found] == [(1, 4), (5, 4), (9, 2)]


def test_a_damaged_block_costs_its_events_and_is_named(tmp_path):
    second = SEGMENT.index(b"\x28\xb5\x2f\xfd", 300)
    write(tmp_path, SEGMENT[: second + 20] + bytes([SEGMENT[second + 20] ^ 1]) + SEGMENT[second + 21 :])

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert [row["seq"] for row in found.events] == [1, 2, 3, 4, 9, 10]
    assert [(row["line_number"], row["reason"]) for row in found.rejected] == [(5, "a block is damaged")]
    assert (found.counts.broken_files, found.counts.lines) == (1, 7)
    assert 0 < found.counts.bytes_not_read < len(SEGMENT)


@pytest.mark.parametrize("content", [SEGMENT[:-1], SEGMENT[:300], b"jss0", b'{"did":"x"}\n'])
def test_a_file_that_is_no_whole_segment_is_one_rejected_line(tmp_path, content):
    write(tmp_path, content)

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert found.events == []
    assert [row["line_number"] for row in found.rejected] == [0]
    assert (found.counts.broken_files, found.counts.bytes_not_read) == (1, len(content))


def test_a_file_that_cannot_be_opened_is_one_failure(tmp_path):
    file = CaptureFile(UPath(tmp_path / "none.jss"), "none.jss", 5)

    assert list(read_blocks(file)) == [(0, ReadFailure("the file can't be read: No such file or directory", b"", 0, 5))]


def test_segments_and_lines_lie_in_one_folder(tmp_path):
    write(tmp_path, SEGMENT)
    write(tmp_path, SEGMENT, name="copy.jss")
    write(tmp_path, b"", name="07.jsonl")

    found = read_day(tmp_path / "capture", tmp_path / "scratch")

    assert len(found.events) == 20
    assert found.counts.repeated == 10


def test_the_bytes_do_not_depend_on_how_events_are_cut_into_segments_and_blocks(tmp_path):
    write(tmp_path / "a", SEGMENT)
    write(tmp_path / "b", write_segment(in_blocks(ROWS[5:], 2)), name="1.jss")
    write(tmp_path / "b", write_segment(in_blocks(ROWS[:5], 5)), name="2.jss")

    first, other = (read_day(tmp_path / name / "capture", tmp_path / name / "scratch") for name in ("a", "b"))

    assert first.bytes[0] == other.bytes[0]
