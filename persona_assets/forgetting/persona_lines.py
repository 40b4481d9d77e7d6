"""Remove the lines that name an account from the file of a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import zstandard

from persona_assets.forgetting.line_index import Int64Array, RemovedLines
from persona_assets.forgetting.proof import FileChange
from persona_assets.forgetting.stored_files import StoredFile
from persona_assets.forgotten_accounts.accounts import Accounts, Mask
from persona_assets.io_managers.persona_files import ZSTD_SUFFIX, cluster_file_name, compress_file

_BLOCK_BYTES = 8 << 20
_FILE_NAME = re.compile(re.escape(cluster_file_name("*")).replace(r"\*", r"(\d+)") + f"(?:{re.escape(ZSTD_SUFFIX)})?")


class ChangedLines(NamedTuple):
    """What was removed from the file of a cluster."""

    change: FileChange  # without digests
    removed: RemovedLines


def find_cluster(name: str) -> int | None:
    """Return the cluster whose lines a file of this name has; None for other files."""
    match = _FILE_NAME.fullmatch(name)
    return int(match[1]) if match else None


def write_lines_without(file: StoredFile, target: Path, accounts: Accounts, places: Int64Array) -> ChangedLines:
    """Write the lines that name no account; a compressed file is written as `persona_files` compresses it.

    Args:
        file: Lines of a cluster.
        target: Where to write.
        accounts: The accounts to remove.
        places: Places of lines that are removed whether or not they name an account, ascending.
    """
    is_compressed = file.path.name.endswith(ZSTD_SUFFIX)
    plain = target.with_name(target.name.removesuffix(ZSTD_SUFFIX)) if is_compressed else target
    n_before, removed = 0, list[Int64Array]()
    with file.path.open("rb") as opened, plain.open("wb") as written:
        content = zstandard.ZstdDecompressor().stream_reader(opened) if is_compressed else opened
        for block in _read_line_blocks(content):
            lines = _split_lines(block)
            is_removed = accounts.find(lines)
            first, end = np.searchsorted(places, [n_before, n_before + len(lines)])
            is_removed[places[first:end] - n_before] = True
            removed.append(n_before + np.flatnonzero(is_removed))
            written.write(_select(block, lines, ~is_removed))
            n_before += len(lines)
    if is_compressed:
        compress_file(plain)
    all_removed = np.concatenate([np.empty(0, np.int64), *removed])
    n_after = n_before - len(all_removed)
    change = FileChange(file.name, "lines removed", n_before, n_after, about=len(all_removed))
    return ChangedLines(change, RemovedLines(n_before, all_removed))


def _read_line_blocks(opened: Any) -> Iterator[bytes]:
    """Yield blocks of whole lines, of about `_BLOCK_BYTES`."""
    rest = b""
    while block := opened.read(_BLOCK_BYTES):
        lines, end, rest = (rest + block).rpartition(b"\n")
        if end:
            yield lines + end
    if rest:
        yield rest + b"\n"


def _split_lines(block: bytes) -> pa.LargeBinaryArray:
    """Return the lines of a block, with their ends, as one array, so that they are searched together."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")) + 1
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype(np.int64))
    lines = pa.Array.from_buffers(pa.large_binary(), len(ends), [None, offsets, pa.py_buffer(block)])
    assert isinstance(lines, pa.LargeBinaryArray)  # noqa: S101 - what pyarrow makes of this type
    return lines


def _select(block: bytes, lines: pa.LargeBinaryArray, is_kept: Mask) -> bytes:
    if is_kept.all():
        return block
    kept: Any = lines.filter(pa.array(is_kept))
    content = kept.buffers()[2]
    return b"" if content is None else content.to_pybytes()
