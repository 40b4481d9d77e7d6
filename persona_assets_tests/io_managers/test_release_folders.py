"""The IO manager for data sets puts folders of folders in place, whole, and verifies them."""

import datetime as dt

import dagster as dg
import pytest
from upath import UPath

from persona_assets.common.scratch import Scratch
from persona_assets.errors import StorageError
from persona_assets.io_managers.folder_checksums import read_checksum_file, verify_listed_files
from persona_assets.io_managers.release_folders import ReleaseIOManager, rewrite_card, withdraw_release
from persona_assets.partitions import daily_partitions

DAY = "2025-03-01"
DAYS = daily_partitions(dt.date(2025, 3, 1))


def store(files, base, source):
    """Store files by their path, then load the folder, and return what was loaded."""
    loaded = []

    @dg.asset(partitions_def=DAYS, io_manager_key="release")
    def dataset():
        for name, content in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
        return dg.MaterializeResult(value=source)

    @dg.asset(partitions_def=DAYS)
    def reader(dataset):
        loaded.append(dataset)

    resources = {"release": ReleaseIOManager(base=str(base), scratch=Scratch())}
    result = dg.materialize([dataset, reader], partition_key=DAY, resources=resources, raise_on_error=False)
    return result, loaded


def test_nested_files_are_stored_with_checksums_and_old_ones_are_removed(tmp_path):
    store({"README.md": b"old", "data/chat/persona_0/a.parquet": b"1"}, tmp_path / "out", tmp_path / "one")
    result, (folder,) = store(
        {"README.md": b"new", "data/chat/persona_1/b.parquet": b"2"}, tmp_path / "out", tmp_path / "two"
    )

    assert result.success
    where = tmp_path / "out" / "dataset" / DAY
    assert {file.relative_to(where).as_posix() for file in where.rglob("*") if file.is_file()} == {
        "README.md",
        "checksums.xxh128",
        "data/chat/persona_1/b.parquet",
    }
    assert set(folder.checksums) == {"README.md", "data/chat/persona_1/b.parquet"}
    assert [entry.name for entry in (tmp_path / "out" / "dataset").iterdir()] == [DAY]


@pytest.mark.parametrize("change", ["flip", "add", "remove", "no card"])
def test_a_folder_that_changed_is_an_error(tmp_path, change):
    store({"README.md": b"x", "data/chat/a.parquet": b"1"}, tmp_path / "out", tmp_path / "one")
    where = tmp_path / "out" / "dataset" / DAY
    match change:
        case "flip":
            (where / "data/chat/a.parquet").write_bytes(b"2")
        case "add":
            (where / "data/chat/b.parquet").write_bytes(b"2")
        case "remove":
            (where / "data/chat/a.parquet").unlink()
        case _:
            (where / "README.md").unlink()
    seen = []

    @dg.asset(partitions_def=DAYS)
    def reader(dataset):
        seen.append(dataset)

    spec = dg.AssetSpec("dataset", partitions_def=DAYS).with_io_manager_key("release")
    resources = {"release": ReleaseIOManager(base=str(tmp_path / "out"), scratch=Scratch())}
    with pytest.raises(StorageError):
        dg.materialize([spec, reader], selection=[reader], partition_key=DAY, resources=resources)
    assert not seen


def test_a_release_is_withdrawn_with_all_of_its_files(tmp_path):
    where = UPath(tmp_path / "dataset" / DAY)
    assert not withdraw_release(where)
    store({"README.md": b"x", "data/chat/a.parquet": b"1"}, tmp_path, tmp_path / "one")

    assert withdraw_release(where)
    assert not where.exists()


def test_folders_of_folders_are_stored_on_object_stores_with_the_card_last(tmp_path):
    base = UPath(f"memory://{tmp_path.name}")
    store({"README.md": b"old", "data/chat/persona_0/a.parquet": b"1"}, base, tmp_path / "one")
    result, (folder,) = store({"README.md": b"new", "data/chat/persona_1/b.parquet": b"2"}, base, tmp_path / "two")

    assert result.success
    root = (base / "dataset" / DAY).path
    assert {path.removeprefix(root).lstrip("/") for path in folder.path.fs.find(root)} == {
        "README.md",
        "checksums.xxh128",
        "data/chat/persona_1/b.parquet",
    }
    assert withdraw_release(folder.path)
    assert folder.path.fs.find(root) == []


@pytest.fixture
def release(tmp_path):
    """A stored data set with a card."""
    store({"README.md": b"card", "data/chat/a.parquet": b"1"}, tmp_path / "out", tmp_path / "one")
    return tmp_path / "out" / "dataset" / DAY


def test_a_card_is_replaced_with_its_checksum_and_other_files_are_the_same_files(release):
    before = (release / "data/chat/a.parquet").stat()
    (release / ".git").mkdir()
    (release / ".git" / "config").write_text("of a clone")

    rewrite_card(UPath(release), lambda card: f"{card} and scores")

    assert (release / "README.md").read_text() == "card and scores"
    verify_listed_files(UPath(release), read_checksum_file(UPath(release)))
    after = (release / "data/chat/a.parquet").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_nlink) == (before.st_ino, before.st_mtime_ns, 1)
    assert (release / ".git" / "config").read_text() == "of a clone"
    assert [entry.name for entry in release.parent.iterdir()] == [DAY]


def test_a_card_that_is_damaged_or_missing_is_an_error_and_nothing_changes(release):
    (release / "README.md").write_text("cart")
    with pytest.raises(StorageError, match="damaged"):
        rewrite_card(UPath(release), str.upper)
    assert (release / "README.md").read_text() == "cart"

    (release / "README.md").unlink()
    with pytest.raises(StorageError, match="has no README.md"):
        rewrite_card(UPath(release), str.upper)


def test_an_error_in_between_leaves_the_old_card(release):
    def fail(_):
        raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        rewrite_card(UPath(release), fail)

    assert (release / "README.md").read_text() == "card"
    verify_listed_files(UPath(release), read_checksum_file(UPath(release)))


def test_a_copy_without_checksums_gets_none(release):
    (release / "checksums.xxh128").unlink()

    rewrite_card(UPath(release), str.upper)

    assert (release / "README.md").read_text() == "CARD"
    assert not (release / "checksums.xxh128").exists()
