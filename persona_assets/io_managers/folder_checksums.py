"""The checksums of a folder of files, in a file of its own that `xxhsum -c` understands."""

import io
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import xxhash
from upath import UPath

from persona_assets.errors import StorageError

CHECKSUMS = "checksums.xxh128"
_BLOCK_BYTES = 1 << 20


def write_checksums(folder: Path, known: Mapping[str, str]) -> None:
    """Write the XXH3 digest (128 bits) of every file in `folder`.

    Args:
        folder: Of files, all of them whole.
        known: Digests of some of them by name, which are then not read again.
    """
    names = sorted(file.name for file in folder.iterdir() if file.name != CHECKSUMS)
    lines = [f"{known.get(name) or _digest(folder / name)}  {name}\n" for name in names]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_checksums(folder: UPath) -> dict[str, str] | None:
    """Return the digest of each file of `folder`, or None where it has none, as folders of older versions.

    Raises:
        StorageError: Files are missing that have a digest, or there that have none.
    """
    if not (folder / CHECKSUMS).exists():
        return None
    listed = (folder / CHECKSUMS).read_bytes().decode("utf-8", "replace").splitlines()
    checksums = {name: digest for digest, _, name in (line.partition("  ") for line in listed)}
    # Hidden files are those of a file browser or a network file system.
    present = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    differing = present - {CHECKSUMS} ^ set(checksums)
    if differing:
        # Names that the list has may be damaged, so that none is shown.
        raise StorageError(
            f"{len(differing)} files of {folder} are not those of {CHECKSUMS}: materialize this partition again"
        )
    return checksums


def verify_files(folder: UPath, checksums: Mapping[str, str]) -> None:
    """Read every file of a folder and compare it.

    Raises:
        StorageError: One has changed since it was written.
    """
    for name in checksums:
        with open_verified(folder / name, checksums):
            pass


def read_verified(file: UPath, checksums: Mapping[str, str] | None) -> bytes:
    """Return the content of a small file.

    Raises:
        StorageError: It has changed since it was written.
    """
    content = file.read_bytes()
    if checksums is not None:
        _compare(file, xxhash.xxh3_128_hexdigest(content), checksums)
    return content


@contextmanager
def open_verified(file: UPath, checksums: Mapping[str, str] | None) -> Generator[BinaryIO]:
    """Open a file for reading bytes; it is verified when the block ends, all of it read by then or not.

    Raises:
        StorageError: It has changed since it was written.
    """
    with closing(_DigestingReader(file.open("rb"))) as raw:
        buffered = io.BufferedReader(raw, _BLOCK_BYTES)  # held here: it closes `raw` when nobody holds it
        yield buffered
        if checksums is not None:
            _compare(file, raw.digest_all(), checksums)


class _DigestingReader(io.RawIOBase):
    """Reads a file and digests what is read."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._digest = xxhash.xxh3_128()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride] - one buffer type
        content = self._file.read(len(buffer))
        self._digest.update(content)
        buffer[: len(content)] = content
        return len(content)

    def digest_all(self) -> str:
        """Read what is left, and return the digest of the whole file."""
        while content := self._file.read(_BLOCK_BYTES):
            self._digest.update(content)
        return self._digest.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


def _compare(file: UPath, digest: str, checksums: Mapping[str, str]) -> None:
    if checksums.get(file.name) != digest:
        raise StorageError(f"{file} is damaged: its checksum differs. Materialize this partition again")


def _digest(file: Path) -> str:
    digest = xxhash.xxh3_128()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
