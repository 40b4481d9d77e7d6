"""Files and folders are replaced atomically, on local and remote file systems."""

import datetime as dt
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from upath import UPath

from persona_assets.errors import StorageError
from persona_assets.io_managers import atomic_storage as storage
from persona_assets.io_managers.atomic_storage import (
    ABANDONED_AFTER,
    link_or_copy,
    replacing_file,
    replacing_folder,
    temporary_sibling,
)
from persona_assets_tests.other_users import let_in


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    """A folder on the local disk, and one on a file system that cannot rename folders."""
    return UPath(tmp_path) if request.param == "local" else UPath(f"memory://{tmp_path.name}")


def test_a_file_is_replaced_atomically(place):
    (place / "table").parent.mkdir(parents=True, exist_ok=True)
    (place / "table").write_bytes(b"old")

    with replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"new")
        assert (place / "table").read_bytes() == b"old"

    assert (place / "table").read_bytes() == b"new"
    assert [file.name for file in place.iterdir()] == ["table"]


def test_an_error_while_writing_a_file_leaves_the_old_one(place):
    place.mkdir(parents=True, exist_ok=True)
    (place / "table").write_bytes(b"old")

    with pytest.raises(ValueError, match="half"), replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"ne")
        raise ValueError("half")

    assert (place / "table").read_bytes() == b"old"
    assert [file.name for file in place.iterdir()] == ["table"]


def test_a_folder_is_replaced_atomically(place, tmp_path):
    for content in ("old", "new"):
        with replacing_folder(place / "day", last_file="last", scratch=tmp_path) as folder:
            (folder / "last").write_text(content)
            (folder / content).write_text(content)

    assert sorted(file.name for file in (place / "day").iterdir()) == ["last", "new"]
    assert (place / "day" / "last").read_text() == "new"


def test_an_error_while_writing_a_folder_leaves_the_old_one(place, tmp_path):
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


def test_concurrent_runs_can_replace_the_same_folder(tmp_path):
    def replace(number: int) -> None:
        with replacing_folder(UPath(tmp_path / "day"), last_file="last") as folder:
            (folder / "last").write_text(f"{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(replace, range(400)))

    assert [entry.name for entry in tmp_path.iterdir()] == ["day"]
    assert [entry.name for entry in (tmp_path / "day").iterdir()] == ["last"]


def test_a_full_disk_is_a_storage_error_and_nothing_is_left(small_disk: Path):
    with (
        pytest.raises(StorageError, match=r"no space left while writing .*PERSONA_DATA"),
        replacing_file(UPath(small_disk / "table")) as temporary,
        temporary.open("wb") as file,
    ):
        file.write(b"x" * 1_000_000)

    assert list(small_disk.iterdir()) == []


def age(path: Path, by: dt.timedelta) -> None:
    """Set the modification times of `path` and everything in it to that long ago."""
    instant = (dt.datetime.now(dt.UTC) - by).timestamp()
    for entry in (path, *path.rglob("*")):
        os.utime(entry, (instant, instant))


def test_the_next_write_removes_temporary_files_of_killed_runs(tmp_path):
    file, folder = (Path(temporary_sibling(UPath(tmp_path / name)).path) for name in ("2025-03-01.parquet", "day"))
    replaced = folder.with_name(f"{folder.name}.old")
    file.write_bytes(b"half")
    for made in (folder, replaced, tmp_path / "day"):
        made.mkdir()
        (made / "cluster_0.jsonl").write_bytes(b"half")
    for left in (file, folder, replaced):
        age(left, ABANDONED_AFTER * 1.1)

    with replacing_file(UPath(tmp_path / "2025-03-02.parquet")) as temporary:
        temporary.write_bytes(b"whole")

    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["2025-03-02.parquet", "day"]


@pytest.fixture
def no_exchange(monkeypatch):
    """Simulate a system that cannot exchange two folders, such as macOS or some network file systems."""
    monkeypatch.setattr(storage, "_exchange", lambda *_: False)


def replace_day(folder: Path, content: str) -> None:
    with replacing_folder(UPath(folder / "day"), last_file="last") as new:
        (new / "last").write_text(content)


def test_a_folder_exists_at_every_moment_of_its_replacement(tmp_path):
    replace_day(tmp_path, "0")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [replace_day(tmp_path, f"{number}") for number in range(200)])
        looks = 0
        while not writing.done():
            assert (tmp_path / "day").exists()
            looks += 1

    writing.result()
    assert looks > 200
    assert [entry.name for entry in tmp_path.iterdir()] == ["day"]


@pytest.mark.usefixtures("no_exchange")
def test_the_old_folder_is_restored_if_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    replace_day(tmp_path, "old")
    rename = Path.rename

    def refuse_the_new_one(self, target):
        if self.name.endswith(".tmp"):
            raise PermissionError(errno.EACCES, "not now")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(PermissionError):
        replace_day(tmp_path, "new")

    assert (tmp_path / "day" / "last").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["day"]


def test_a_folder_that_a_killed_run_moved_aside_is_restored(tmp_path):
    replace_day(tmp_path, "old")
    aside = f"{Path(temporary_sibling(UPath(tmp_path / 'day')).path)}.old"
    (tmp_path / "day").rename(aside)

    with replacing_file(UPath(tmp_path / "2025-03-02.parquet")) as temporary:
        temporary.write_bytes(b"of another day")

    assert (tmp_path / "day" / "last").read_text() == "old"


@pytest.mark.usefixtures("no_exchange")
def test_concurrent_runs_can_replace_a_folder_without_exchange(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: replace_day(tmp_path, f"{number}"), range(400)))

    assert [entry.name for entry in tmp_path.iterdir()] == ["day"]


def test_temporary_files_of_an_active_run_stay(tmp_path):
    with replacing_folder(UPath(tmp_path / "day"), last_file="last") as folder:
        age(folder, ABANDONED_AFTER * 2)
        (folder / "last").write_bytes(b"still growing")
        with replacing_file(UPath(tmp_path / "2025-03-02.parquet")) as temporary:
            temporary.write_bytes(b"whole")

    assert (tmp_path / "day" / "last").read_bytes() == b"still growing"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
def test_temporary_files_of_another_user_are_ignored(tmp_path):
    left = Path(temporary_sibling(UPath(tmp_path / "day")).path)
    left.mkdir(mode=0o700)
    (left / "cluster_0.jsonl").write_bytes(b"half")
    age(left, ABANDONED_AFTER * 1.1)
    let_in(tmp_path)

    os.seteuid(65534)
    try:
        with replacing_file(UPath(tmp_path / "table")) as temporary:
            temporary.write_bytes(b"whole")
    finally:
        os.seteuid(0)

    assert (tmp_path / "table").read_bytes() == b"whole"


def test_hidden_files_of_other_programs_stay(tmp_path):
    (tmp_path / ".notes.tmp").write_bytes(b"mine")
    age(tmp_path, ABANDONED_AFTER * 2)

    with replacing_file(UPath(tmp_path / "table")) as temporary:
        temporary.write_bytes(b"whole")

    assert (tmp_path / ".notes.tmp").exists()


def test_an_unchanged_file_becomes_a_second_link_on_a_local_disk_and_a_copy_elsewhere(place, tmp_path):
    place.mkdir(parents=True, exist_ok=True)
    (place / "file").write_bytes(b"content")

    link_or_copy(place / "file", tmp_path / "other")

    assert (tmp_path / "other").read_bytes() == b"content"
    assert (tmp_path / "other").stat().st_nlink == (2 if storage.is_local_path(place) else 1)


def test_where_files_cannot_be_linked_they_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(storage.os, "link", refuse)
    (tmp_path / "file").write_bytes(b"content")

    link_or_copy(UPath(tmp_path / "file"), tmp_path / "other")

    assert (tmp_path / "other").read_bytes() == b"content"
    assert (tmp_path / "other").stat().st_nlink == 1
