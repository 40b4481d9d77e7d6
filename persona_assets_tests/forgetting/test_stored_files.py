import pytest
from upath import UPath

from persona_assets.errors import ForgettingError
from persona_assets.forgetting.stored_files import (
    classify_stored_files,
    make_version_stamp,
    require_unchanged,
    restore_moved_folders,
)
from persona_assets_tests.forgetting.builders import find_file

HEX = "0" * 32


def write(data, *names):
    for name in names:
        file = data / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def test_files_are_listed_by_how_an_account_is_removed_from_them(tmp_path):
    write(
        tmp_path,
        "lineage.parquet",
        "raw_events/2025-03-01.parquet",
        "cluster_stats/2025-03-01/report.html",
        "dataset/2025-03-01/data/train.parquet",
        "notes.txt",
        f"raw_events/.2025-03-01.parquet.{HEX}.tmp",
        f"cluster_stats/.2025-03-01.{HEX}.tmp/stats.json",
        "vector_store/a",
    )

    found = classify_stored_files(UPath(tmp_path), leave_out=[str(tmp_path / "vector_store")])

    assert [file.name for file in found.tables] == ["lineage.parquet", "raw_events/2025-03-01.parquet"]
    assert {name: [file.name for file in files] for name, files in found.folders.items()} == {
        "cluster_stats/2025-03-01": ["cluster_stats/2025-03-01/report.html"],
        "dataset/2025-03-01": ["dataset/2025-03-01/data/train.parquet"],
    }
    assert [file.name for file in found.others] == ["notes.txt"]
    assert found.temporary == [
        f"{tmp_path}/cluster_stats/.2025-03-01.{HEX}.tmp",
        f"{tmp_path}/raw_events/.2025-03-01.parquet.{HEX}.tmp",
    ]


def test_a_missing_folder_has_no_files(tmp_path):
    assert classify_stored_files(UPath(tmp_path / "none")) == ([], {}, [], [])


def test_a_link_is_an_error(tmp_path):
    (tmp_path / "raw_events").symlink_to("/elsewhere")

    with pytest.raises(ForgettingError, match="raw_events is a link"):
        classify_stored_files(UPath(tmp_path))


def test_a_changed_or_deleted_file_is_noticed(tmp_path):
    write(tmp_path, "a", "b")
    files = [find_file(tmp_path, name) for name in ("a", "b")]
    require_unchanged(files)

    (tmp_path / "a").write_bytes(b"xy")
    with pytest.raises(ForgettingError, match="a was changed"):
        require_unchanged(files[:1])
    (tmp_path / "b").unlink()
    with pytest.raises(ForgettingError, match="b was changed"):
        require_unchanged(files[1:])


def test_the_stamp_of_an_object_has_its_tag():
    assert make_version_stamp({"size": 1, "ETag": "a"}) != make_version_stamp({"size": 1, "ETag": "b"})


def test_a_folder_that_was_moved_aside_is_moved_back_unless_it_was_replaced(tmp_path):
    write(tmp_path, f"x/.2025-03-01.{HEX}.tmp.old/a", f"x/.2025-03-02.{HEX}.tmp.old/a", "x/2025-03-02/b")

    restore_moved_folders(classify_stored_files(UPath(tmp_path)), UPath(tmp_path))

    assert (tmp_path / "x" / "2025-03-01" / "a").exists()
    assert not (tmp_path / "x" / "2025-03-02" / "a").exists()
