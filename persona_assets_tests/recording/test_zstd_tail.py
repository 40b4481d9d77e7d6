import pytest
import zstandard

from persona_assets.recording.zstd_tail import find_length_of_whole_frames, truncate_to_whole_frames

FRAMES = [zstandard.ZstdCompressor(write_checksum=True).compress(b"%d\n" % at * 1000) for at in range(3)]


@pytest.mark.parametrize("lost", [0, 1, 5, len(FRAMES[2]) - 1, len(FRAMES[2])])
def test_a_file_is_cut_after_its_last_whole_frame(tmp_path, lost):
    path = tmp_path / "file"
    content = b"".join(FRAMES)
    path.write_bytes(content[: len(content) - lost])

    whole = len(content) if lost == 0 else len(FRAMES[0]) + len(FRAMES[1])
    assert find_length_of_whole_frames(path) == whole
    assert truncate_to_whole_frames(path) == whole
    assert path.read_bytes() == content[:whole]


def test_what_follows_damage_is_cut_too(tmp_path):
    path = tmp_path / "file"
    damaged = bytearray(FRAMES[1])
    damaged[-6] ^= 1
    path.write_bytes(FRAMES[0] + damaged + FRAMES[2])

    assert truncate_to_whole_frames(path) == len(FRAMES[0])


def test_an_empty_file_stays_empty(tmp_path):
    (tmp_path / "file").touch()

    assert truncate_to_whole_frames(tmp_path / "file") == 0
