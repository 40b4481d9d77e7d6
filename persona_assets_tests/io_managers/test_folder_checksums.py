"""Changes to the files of a folder are detected by their checksums."""

import shutil
import subprocess

import pytest
from upath import UPath

from persona_assets.errors import StorageError
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    open_verified,
    read_checksum_file,
    read_verified,
    verify_listed_files,
    write_checksum_file,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cluster_0.jsonl").write_bytes(b"[1]\n[2]\n")
    (tmp_path / "user_clusters.json").write_bytes(b"{}")
    write_checksum_file(tmp_path, {})
    return UPath(tmp_path)


def test_unchanged_files_are_read(folder):
    checksums = read_checksum_file(folder)

    assert read_verified(folder / "user_clusters.json", checksums) == b"{}"
    with open_verified(folder / "cluster_0.jsonl", checksums) as file:
        assert list(file) == [b"[1]\n", b"[2]\n"]


def test_a_changed_file_is_detected_even_if_only_its_start_was_read(folder):
    checksums = read_checksum_file(folder)
    for name, content in {"cluster_0.jsonl": b"[1]\n[3]\n", "user_clusters.json": b"[]"}.items():
        (folder / name).write_bytes(content)

    with pytest.raises(StorageError, match="user_clusters.json is damaged: .* Materialize this partition again"):
        read_verified(folder / "user_clusters.json", checksums)
    with (
        pytest.raises(StorageError, match="cluster_0.jsonl is damaged"),
        open_verified(folder / "cluster_0.jsonl", checksums) as file,
    ):
        assert next(file) == b"[1]\n"


def test_every_file_of_a_folder_is_verified(folder):
    verify_listed_files(folder, read_checksum_file(folder))

    (folder / "cluster_0.jsonl").write_bytes(b"[1]\n[3]\n")
    with pytest.raises(StorageError, match="cluster_0.jsonl is damaged"):
        verify_listed_files(folder, read_checksum_file(folder))


@pytest.mark.parametrize("change", ["one more", "one less", "another name in the list"])
def test_missing_and_extra_files_are_counted(folder, change):
    if change == "one more":
        (folder / "cluster_1.jsonl").touch()
    elif change == "one less":
        (folder / "cluster_0.jsonl").unlink()
    else:
        (folder / CHECKSUMS).write_text((folder / CHECKSUMS).read_text().replace("cluster_0", "cluster_2"))

    with pytest.raises(StorageError, match=r"\d files of .* are not those of checksums.xxh128: materialize"):
        read_checksum_file(folder)


def test_hidden_files_are_ignored(folder):
    (folder / ".DS_Store").touch()

    assert set(read_checksum_file(folder)) == {"cluster_0.jsonl", "user_clusters.json"}


def test_known_digests_are_not_computed_again(tmp_path):
    (tmp_path / "cluster_0.jsonl").touch()
    write_checksum_file(tmp_path, {"cluster_0.jsonl": "0" * 32})

    lines = (tmp_path / CHECKSUMS).read_text().splitlines()
    assert lines[0] == f"{'0' * 32}  cluster_0.jsonl"


def test_a_folder_of_an_older_version_is_read_unverified(folder):
    (folder / CHECKSUMS).unlink()

    assert read_checksum_file(folder) is None
    assert read_verified(folder / "user_clusters.json", None) == b"{}"


@pytest.mark.skipif(shutil.which("xxhsum") is None, reason="needs xxhsum, of Debian's package xxhash")
def test_xxhsum_verifies_the_folder(folder):
    done = subprocess.run(["xxhsum", "-c", CHECKSUMS], cwd=str(folder), capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert "cluster_0.jsonl: OK" in done.stdout
