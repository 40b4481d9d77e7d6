"""Write and verify the checksum file of a folder, in the format of `xxhsum -c`."""

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


def write_checksum_file(folder: Path, known_digests: Mapping[str, str]) -> None:
    """Write the XXH3 digests of all files in `folder` to its file `CHECKSUMS`; known ones are not computed again.

    Args:
        folder: A folder whose files are complete.
        known_digests: Digests that are known already, by file name; these files are not read.
    """
    files = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    names = sorted(name for name in files if name != CHECKSUMS)
    write_digests(folder, {name: known_digests.get(name) or _digest(folder / name) for name in names})


def write_digests(folder: Path, digests: Mapping[str, str]) -> None:
    """Write these digests, by file name, to the file `CHECKSUMS` of a folder."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(digests.items())]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_checksum_file(folder: UPath) -> dict[str, str] | None:
    """Return the digests in `CHECKSUMS` by file name, None without that file; raise if it lists other files than exist.

    Raises:
        StorageError: The files in the folder are not the files in `CHECKSUMS`.
    """
    if not (folder / CHECKSUMS).exists():
        return None
    listed = (folder / CHECKSUMS).read_bytes().decode("utf-8", "replace").splitlines()
    checksums = {name: digest for digest, _, name in (line.partition("  ") for line in listed)}
    # File browsers and network file systems make hidden files.
    root = folder.path.rstrip("/")
    present = {
        name for path in folder.fs.find(root) if not (name := path.removeprefix(root).lstrip("/")).startswith(".")
    }
    differing = present - {CHECKSUMS} ^ set(checksums)
    if differing:
        # The error shows no names, because those in the list may be damaged.
        raise StorageError(
            f"{len(differing)} files of {folder} are not those of {CHECKSUMS}: materialize this partition again"
        )
    return checksums


def verify_listed_files(folder: UPath, checksums: Mapping[str, str]) -> None:
    """Read each file in `checksums` whole, and raise `StorageError` if its digest differs.

    Raises:
        StorageError: A file has changed since it was written.
    """
    for name in checksums:
        with open_verified(folder / name, checksums, name=name):
            pass


def read_verified(file: UPath, checksums: Mapping[str, str] | None) -> bytes:
    """Return the content of a file; raise `StorageError` if its digest differs from the one in `checksums`, if given.

    Raises:
        StorageError: The file has changed since it was written.
    """
    content = file.read_bytes()
    if checksums is not None:
        _compare(file, xxhash.xxh3_128_hexdigest(content), checksums)
    return content


@contextmanager
def open_verified(file: UPath, checksums: Mapping[str, str] | None, *, name: str | None = None) -> Generator[BinaryIO]:
    """Open a file for reading; after the block, verify the digest of all its bytes, also of those not read.

    Args:
        file: The file.
        checksums: Digests by name; None verifies nothing.
        name: Its name in `checksums`, a path from the folder's root; None: the name of the file.

    Raises:
        StorageError: The file has changed since it was written.
    """
    with closing(_DigestingReader(file.open("rb"))) as raw:
        buffered = io.BufferedReader(raw, _BLOCK_BYTES)  # the name keeps it alive: it would close `raw` when collected
        yield buffered
        if checksums is not None:
            _compare(file, raw.digest_all(), checksums, name)


class _DigestingReader(io.RawIOBase):
    """A file object that computes the digest of the bytes that are read from it."""

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
        """Read the rest of the file, and return the digest of the whole file."""
        while content := self._file.read(_BLOCK_BYTES):
            self._digest.update(content)
        return self._digest.hexdigest()

    def close(self) -> None:
        self._file.close()
        super().close()


def _compare(file: UPath, digest: str, checksums: Mapping[str, str], name: str | None = None) -> None:
    if checksums.get(name or file.name) != digest:
        raise StorageError(f"{file} is damaged: its checksum differs. Materialize this partition again")


def _digest(file: Path) -> str:
    digest = xxhash.xxh3_128()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
