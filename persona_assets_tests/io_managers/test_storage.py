"""Files and folders are in place whole or not at all."""

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from upath import UPath

from persona_assets.errors import StorageError
from persona_assets.io_managers.storage import ABANDONED_AFTER, replacing_file, replacing_folder, temporary_sibling


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    """A folder on the local disk, and one on a file system that cannot rename folders."""
    return UPath(tmp_path) if request.param == "local" else UPath(f"memory://{tmp_path.name}")


def test_a_file_is_replaced_as_a_whole(place):
    (place / "table").parent.mkdir(parents=True, exist_ok=True)
    (place / "table").write_bytes(b"old")

    with replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"new")
        assert (place / "table").read_bytes() == b"old"

    assert (place / "table").read_bytes() == b"new"
    assert [file.name for file in place.iterdir()] == ["table"]


def test_a_file_that_fails_in_the_middle_leaves_the_old_one(place):
    place.mkdir(parents=True, exist_ok=True)
    (place / "table").write_bytes(b"old")

    with pytest.raises(ValueError, match="half"), replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"ne")
        raise ValueError("half")

    assert (place / "table").read_bytes() == b"old"
    assert [file.name for file in place.iterdir()] == ["table"]


def test_a_folder_is_replaced_as_a_whole(place, tmp_path):
    for content in ("old", "new"):
        with replacing_folder(place / "day", last_file="last", scratch=tmp_path) as folder:
            (folder / "last").write_text(content)
            (folder / content).write_text(content)

    assert sorted(file.name for file in (place / "day").iterdir()) == ["last", "new"]
    assert (place / "day" / "last").read_text() == "new"


def test_a_folder_that_fails_in_the_middle_leaves_the_old_one(place, tmp_path):
    with replacing_folder(place / "day", last_file="last", scratch=tmp_path) as folder:
        (folder / "last").write_text("old")

    with (
        pytest.raises(ValueError, match="half"),
        replacing_folder(place / "day", last_file="last", scratch=tmp_path) as folder,
    ):
        (folder / "last").write_text("new")
        raise ValueError("half")

    assert [file.name for file in place.iterdir() if file.name != "day"] in ([], [tmp_path.name])
    assert (place / "day" / "last").read_text() == "old"


def test_runs_that_replace_the_same_folder_at_once_all_end_well(tmp_path):
    def replace(number: int) -> None:
        with replacing_folder(UPath(tmp_path / "day"), last_file="last") as folder:
            (folder / "last").write_text(f"{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(400)))

    assert [entry.name for entry in tmp_path.iterdir()] == ["day"]
    assert [entry.name for entry in (tmp_path / "day").iterdir()] == ["last"]


def test_a_full_disk_is_one_clear_error_and_nothing_is_left(small_disk: Path):
    with (
        pytest.raises(StorageError, match=r"no space left while writing .*PERSONA_DATA"),
        replacing_file(UPath(small_disk / "table")) as temporary,
        temporary.open("wb") as file,
    ):
        file.write(b"x" * 1_000_000)

    assert list(small_disk.iterdir()) == []


def age(path: Path, by: dt.timedelta) -> None:
    """Let `path`, and all in it, be written so long ago."""
    instant = (dt.datetime.now(dt.UTC) - by).timestamp()
    for entry in (path, *path.rglob("*")):
        os.utime(entry, (instant, instant))


def test_what_killed_runs_left_is_removed_when_the_next_writes(tmp_path):
    file, folder = (Path(temporary_sibling(UPath(tmp_path / name)).path) for name in ("2025-03-01.parquet", "day"))
    replaced = folder.with_name(f"{folder.name}.old")
    file.write_bytes(b"half")
    for made in (folder, replaced):
        made.mkdir()
        (made / "cluster_0.jsonl").write_bytes(b"half")
    for left in (file, folder, replaced):
        age(left, ABANDONED_AFTER * 1.1)

    with replacing_file(UPath(tmp_path / "2025-03-02.parquet")) as temporary:
        temporary.write_bytes(b"whole")

    assert [entry.name for entry in tmp_path.iterdir()] == ["2025-03-02.parquet"]


def test_what_another_run_is_writing_stays(tmp_path):
    with replacing_folder(UPath(tmp_path / "day"), last_file="last") as folder:
        age(folder, ABANDONED_AFTER * 2)
        (folder / "last").write_bytes(b"still growing")
        with replacing_file(UPath(tmp_path / "2025-03-02.parquet")) as temporary:
            temporary.write_bytes(b"whole")

    assert (tmp_path / "day" / "last").read_bytes() == b"still growing"


def test_hidden_files_of_others_stay(tmp_path):
    (tmp_path / ".notes.tmp").write_bytes(b"mine")
    age(tmp_path, ABANDONED_AFTER * 2)

    with replacing_file(UPath(tmp_path / "table")) as temporary:
        temporary.write_bytes(b"whole")

    assert (tmp_path / ".notes.tmp").exists()
