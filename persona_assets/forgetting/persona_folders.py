"""Remove accounts from the files of personas, a folder a day, and delete other folders of a day whole."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import zstandard
from upath import UPath

from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.forgetting.proof import FileChange, ProofFile, digest_file
from persona_assets.forgetting.search import names_accounts_in
from persona_assets.forgetting.stored_files import StoredFile, require_unchanged
from persona_assets.forgetting.table_files import write_without_accounts
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.io_managers.atomic_storage import is_local_path, replacing_folder
from persona_assets.io_managers.folder_checksums import (
    CHECKSUMS,
    open_verified,
    read_checksum_file,
    write_checksum_file,
)
from persona_assets.io_managers.persona_files import USER_CLUSTERS, ZSTD_SUFFIX, compress_file, encode_user_clusters
from persona_assets.io_managers.report_folders import STATS

_BLOCK_BYTES = 8 << 20
# The index of lines counts them by their place in the files, which changes when a line is removed.
_INDEX_FILES = frozenset(f"{name}.parquet" for name in LINE_TABLES)


def is_persona_folder(files: list[StoredFile]) -> bool:
    """Return whether files are those of a complete folder of `cluster_jsonl`."""
    return any(file.name.rpartition("/")[2] == USER_CLUSTERS for file in files)


def forget_in_persona_folder(
    folder: UPath, files: list[StoredFile], named: set[str], accounts: Accounts, proof: ProofFile
) -> None:
    """Rewrite a folder of `cluster_jsonl` without the lines and users that name an account.

    A line is removed whole: without one of its messages it would be another conversation. The index of lines is
    deleted. Other files that name no account are the same files.

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
        changes = list[FileChange]()
        for file in files:
            target = staging / file.path.name
            if file.path.name in _INDEX_FILES:
                changes.append(_delete(file))
            elif file.name in named:
                changes.append(_write_file_without(file, target, checksums, accounts))
            elif file.path.name != CHECKSUMS:
                _take_over(file.path, target)
        if checksums is not None:
            changed = {Path(change.file).name for change in changes}
            write_checksum_file(staging, {name: digest for name, digest in checksums.items() if name not in changed})
        proof.add(*changes)
        require_unchanged(files)


def preview_persona_folder_changes(files: list[StoredFile], accounts: Accounts) -> list[FileChange]:
    """Return the changes that `forget_in_persona_folder` would make, without making them."""
    found = [file for file in files if names_accounts_in(file, accounts)]
    named = [file for file in found if file.path.name not in _INDEX_FILES]
    with tempfile.TemporaryDirectory(prefix="persona_assets-forget-") as scratch:
        changes = [_write_file_without(file, Path(scratch) / file.path.name, None, accounts) for file in named]
    if found:
        changes += [_delete(file) for file in files if file.path.name in _INDEX_FILES]
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


def has_line_index(files: list[StoredFile]) -> bool:
    """Return whether a folder of `cluster_jsonl` has the index of lines that `dataset` reads."""
    return any(file.path.name in _INDEX_FILES for file in files)


def _delete(file: StoredFile) -> FileChange:
    """Return the change that deletes a file; the caller leaves it out."""
    with file.path.open("rb") as opened:
        return FileChange(file.name, "deleted", digest_before=digest_file(opened))


def _take_over(source: UPath, target: Path) -> None:
    """Put an unchanged file into another folder: as a second link to it where that is possible, else as a copy."""
    if is_local_path(source):
        try:
            os.link(source.path, target)
        except OSError:  # not every file system has hard links
            shutil.copy2(source.path, target)
    else:
        source.fs.get_file(source.path, str(target))


def _write_file_without(
    file: StoredFile, target: Path, checksums: dict[str, str] | None, accounts: Accounts
) -> FileChange:
    """Write one file of the folder without the accounts, and return the change."""
    with open_verified(file.path, checksums):  # a new checksum must not hide damage
        pass
    if file.path.suffix == ".parquet":
        change = write_without_accounts(file, UPath(target), accounts)
    elif file.path.name == USER_CLUSTERS:
        change = _write_users_without(file, target, accounts)
    else:
        change = _write_lines_without(file, target, accounts)
    with file.path.open("rb") as opened:
        change.digest_before = digest_file(opened)
    with target.open("rb") as written:
        change.digest_after = digest_file(written)
    return change


def _write_users_without(file: StoredFile, target: Path, accounts: Accounts) -> FileChange:
    users = msgspec.json.decode(file.path.read_bytes(), type=dict[str, int])
    named = accounts.find(pa.array(list(users), pa.string())).tolist()
    remaining = {user: cluster for (user, cluster), found in zip(users.items(), named, strict=True) if not found}
    target.write_bytes(encode_user_clusters(remaining))
    removed = len(users) - len(remaining)
    return FileChange(file.name, "users removed", len(users), len(remaining), own=removed)


def _write_lines_without(file: StoredFile, target: Path, accounts: Accounts) -> FileChange:
    """Write the lines that name no account; a compressed file is written as `persona_files` compresses it."""
    is_compressed = file.path.name.endswith(ZSTD_SUFFIX)
    plain = target.with_name(target.name.removesuffix(ZSTD_SUFFIX)) if is_compressed else target
    before = after = 0
    with file.path.open("rb") as opened, plain.open("wb") as written:
        lines = zstandard.ZstdDecompressor().stream_reader(opened) if is_compressed else opened
        for block in _read_line_blocks(lines):
            kept = _remove_lines(block, accounts)
            before, after = before + block.count(b"\n"), after + kept.count(b"\n")
            written.write(kept)
    if is_compressed:
        compress_file(plain)
    return FileChange(file.name, "lines removed", before, after, about=before - after)


def _remove_lines(block: bytes, accounts: Accounts) -> bytes:
    """Return whole lines without those that name an account. They are searched together, as the values of an array."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64))
    lines = pa.Array.from_buffers(pa.large_binary(), len(ends), [None, offsets, pa.py_buffer(block)])
    named = accounts.find(lines)
    if not named.any():
        return block
    kept: Any = lines.filter(pa.array(~named))
    content = kept.buffers()[2]
    return b"" if content is None else content.to_pybytes()


def _read_line_blocks(opened: Any) -> Iterator[bytes]:
    """Yield blocks of whole lines, of about `_BLOCK_BYTES`."""
    rest = b""
    while block := opened.read(_BLOCK_BYTES):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield lines + end
    if rest:
        yield rest + b"\n"
