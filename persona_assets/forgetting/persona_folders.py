"""Remove accounts from the files of personas, a folder a day, and delete other folders of a day whole."""

import shutil
import tempfile
import uuid
from pathlib import Path

import msgspec
import pyarrow as pa
from upath import UPath

from persona_assets.forgetting.line_index import (
    NO_LINES,
    RemovedLines,
    find_index_files,
    find_named_lines,
    write_index_without,
)
from persona_assets.forgetting.persona_lines import find_cluster, write_lines_without
from persona_assets.forgetting.proof import FileChange, ProofFile, digest_file
from persona_assets.forgetting.search import names_accounts_in
from persona_assets.forgetting.stored_files import StoredFile, require_unchanged
from persona_assets.forgetting.table_files import write_without_accounts
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.atomic_storage import is_local_path, link_or_copy, replacing_folder
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    open_verified,
    read_checksum_file,
    write_checksum_file,
)
from persona_assets.io_managers.persona_files import USER_CLUSTERS, encode_user_clusters
from persona_assets.io_managers.report_folders import STATS


def is_persona_folder(files: list[StoredFile]) -> bool:
    """Return whether files are those of a complete folder of `cluster_jsonl`."""
    return any(file.name.rpartition("/")[2] == USER_CLUSTERS for file in files)


def forget_in_persona_folder(
    folder: UPath, files: list[StoredFile], named: set[str], accounts: Accounts, proof: ProofFile
) -> None:
    """Rewrite a folder of `cluster_jsonl` without the lines and users that name an account.

    A line is removed whole: without one of its messages it would be another conversation. The index of lines becomes
    that of the lines that remain. Other files that name no account are the same files.

    Args:
        folder: The folder.
        files: All of its files.
        named: Names of those that name an account.
        accounts: The accounts to remove.
        proof: Where the changes are noted.

    Raises:
        StorageError: A file is damaged, or the disk is full.
        ForgettingError: A file was changed by something else in the meantime.
    """
    checksums = read_checksum_file(folder)
    with (
        tempfile.TemporaryDirectory(prefix="persona_assets-forget-") as scratch,
        replacing_folder(folder, last_file=USER_CLUSTERS, scratch=Path(scratch)) as staging,
    ):
        changes = _write_changed_files(files, named, staging, checksums, accounts)
        changed = {change.file for change in changes}
        for file in files:
            if file.name not in changed and file.path.name != CHECKSUMS:
                link_or_copy(file.path, staging / file.path.name)
        if checksums is not None:
            names = {Path(name).name for name in changed}
            write_checksum_file(staging, {name: digest for name, digest in checksums.items() if name not in names})
        proof.add(*changes)
        require_unchanged(files)


def preview_persona_folder_changes(files: list[StoredFile], accounts: Accounts) -> list[FileChange]:
    """Return the changes that `forget_in_persona_folder` would make, without digests."""
    named = {file.name for file in files if names_accounts_in(file, accounts)}
    if not named:
        return []
    with tempfile.TemporaryDirectory(prefix="persona_assets-forget-") as scratch:
        changes = _write_changed_files(files, named, Path(scratch), None, accounts)
    for change in changes:
        change.digest_before = change.digest_after = ""
    return changes


def delete_folder(folder: UPath, files: list[StoredFile], proof: ProofFile) -> None:
    """Delete a day's folder, on a local disk at once, so that the day counts as not materialized.

    Elsewhere the file that marks it as complete is deleted first.

    Raises:
        ForgettingError: A file was changed by something else in the meantime.
    """
    changes = list[FileChange]()
    for file in files:
        changes.append(_delete(file))
    proof.add(*changes)
    require_unchanged(files)
    if is_local_path(folder):
        hidden = Path(folder.path).with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
        Path(folder.path).rename(hidden)
        shutil.rmtree(hidden)
        return
    for marker in (STATS, USER_CLUSTERS):
        if (folder / marker).exists():
            (folder / marker).unlink()
    folder.fs.rm(folder.path, recursive=True)


def _delete(file: StoredFile) -> FileChange:
    """Return the change that deletes a file; the caller leaves it out."""
    with file.path.open("rb") as opened:
        return FileChange(file.name, "deleted", digest_before=digest_file(opened))


def _write_changed_files(
    files: list[StoredFile], named: set[str], folder: Path, checksums: dict[str, str] | None, accounts: Accounts
) -> list[FileChange]:
    """Write the files of a folder that change without the accounts to another folder, and return the changes."""
    index = find_index_files(files)
    places = {} if index is None else find_named_lines(index, accounts)
    removed = dict[int, RemovedLines]()
    changes = list[FileChange]()
    for file in files:
        target, cluster = folder / file.path.name, find_cluster(file.path.name)
        if cluster is not None and (file.name in named or cluster in places):
            _verify(file, checksums)
            change, removed[cluster] = write_lines_without(file, target, accounts, places.get(cluster, NO_LINES))
            changes.append(change)
        elif file.name in named and (index is None or file not in index):
            _verify(file, checksums)
            changes.append(_write_other_without(file, target, accounts))
    if index is not None and removed:
        for file in index:
            _verify(file, checksums)
        changes += write_index_without(index, UPath(folder), removed, accounts)
    by_name = {file.name: file for file in files}
    for change in changes:
        if change.digest_after:  # of a table: its writer has it
            continue
        source = by_name[change.file].path
        with source.open("rb") as before, (folder / source.name).open("rb") as after:
            change.digest_before, change.digest_after = digest_file(before), digest_file(after)
    return changes


def _verify(file: StoredFile, checksums: dict[str, str] | None) -> None:
    """Raise an error if a file is damaged: a new checksum must not hide that."""
    with open_verified(file.path, checksums):
        pass


def _write_other_without(file: StoredFile, target: Path, accounts: Accounts) -> FileChange:
    """Write a file that has no lines without the accounts, and return the change."""
    if file.path.suffix == ".parquet":
        return write_without_accounts(file, UPath(target), accounts)
    return _write_users_without(file, target, accounts)


def _write_users_without(file: StoredFile, target: Path, accounts: Accounts) -> FileChange:
    users = msgspec.json.decode(file.path.read_bytes(), type=dict[str, int])
    named = accounts.find(pa.array(list(users), pa.string())).tolist()
    remaining = {user: cluster for (user, cluster), found in zip(users.items(), named, strict=True) if not found}
    target.write_bytes(encode_user_clusters(remaining))
    removed = len(users) - len(remaining)
    return FileChange(file.name, "users removed", len(users), len(remaining), own=removed)
