"""A sample is written atomically, and replaces only an unchanged sample."""

import datetime as dt
from pathlib import Path

import pytest

from persona_assets.sample.write import write_capture


def write_tiny(out, *, seed=1, force=False):
    return write_capture(out, days=1, start_date=dt.date(2025, 3, 1), users=8, personas=1, seed=seed, force=force)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_unchanged_sample_is_replaced(tmp_path):
    out = tmp_path / "capture"
    write_tiny(out)

    manifest = write_tiny(out, seed=2)

    assert len([path for path in out.rglob("*") if path.is_file()]) == manifest.files
    assert names(tmp_path) == ["capture", "capture.manifest.json", "capture.truth.jsonl"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "capture").mkdir()

    write_tiny(tmp_path / "capture")

    assert names(tmp_path / "capture") == ["bluesky-2025-03"]


@pytest.mark.parametrize("with_manifest", [False, True])
def test_a_folder_with_other_files_is_not_overwritten(tmp_path, with_manifest):
    out = tmp_path / "capture"
    if with_manifest:
        write_tiny(out)
    out.mkdir(exist_ok=True)
    (out / "own").write_text("mine")
    before = names(out)

    with pytest.raises(FileExistsError, match="choose another folder, or replace it by --force"):
        write_tiny(out, seed=2)

    assert names(out) == before
    assert (out / "own").read_text() == "mine"


def test_a_symbolic_link_to_a_capture_is_not_overwritten(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "capture").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileExistsError, match="choose another folder"):
        write_tiny(tmp_path / "capture")


def test_force_replaces_the_link_and_not_its_target(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "own").write_text("mine")
    (tmp_path / "capture").symlink_to(elsewhere)

    write_tiny(tmp_path / "capture", force=True)

    assert not (tmp_path / "capture").is_symlink()
    assert names(elsewhere) == ["own"]


def test_an_error_while_writing_leaves_the_old_sample(tmp_path, monkeypatch):
    out = tmp_path / "capture"
    write_tiny(out)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_bytes = Path.write_bytes

    def full_disk(path, content):
        if path.name == "truth":
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_tiny(out, seed=2)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
