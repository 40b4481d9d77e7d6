"""Read and write the tombstones of a data folder, and their key: `<data>/forgotten/tombstones.json` and `key`."""

import os
import secrets
from collections.abc import Iterable

import msgspec
from upath import UPath

from persona_assets.errors import ForgettingError
from persona_assets.forgotten_accounts.tombstones import KEY_BYTES, Tombstones
from persona_assets.io_managers.atomic_storage import is_local_path, replacing_file

FOLDER, TOMBSTONES, KEY = "forgotten", "tombstones.json", "key"
_HASH = "BLAKE2b, keyed, 128 bits, and 24 bits of a filter"
_OWNER_ONLY = 0o600


class _File(msgspec.Struct):
    """The content of `tombstones.json`."""

    version: int
    hash: str
    accounts: list[str]  # hexadecimal digits, sorted


def read_tombstones(data: UPath) -> Tombstones | None:
    """Read the tombstones (hashes of forgotten accounts) of a data folder; None if there are none.

    Raises:
        ForgettingError: The file or its key is damaged or missing: forgotten accounts would come back without it.
    """
    file = data / FOLDER / TOMBSTONES
    if not file.exists():
        return None
    try:
        content = msgspec.json.decode(file.read_bytes(), type=_File)
        return Tombstones((data / FOLDER / KEY).read_bytes(), map(bytes.fromhex, content.accounts))
    except (msgspec.DecodeError, ValueError, FileNotFoundError) as error:
        raise ForgettingError(
            f"{file} or the file {KEY!r} beside it is damaged or missing: restore both, or delete both and run "
            "persona-forget again for every account that was forgotten"
        ) from error


def add_tombstones(data: UPath, account_ids: Iterable[str]) -> Tombstones:
    """Add tombstones of these accounts to those in the data folder, and return all of them.

    The key is made with the first tombstones. On a local disk only its owner can read it.

    Raises:
        ForgettingError: The tombstones that are there cannot be read.
        StorageError: The disk is full.
    """
    before = read_tombstones(data)
    if before is None:
        key = secrets.token_bytes(KEY_BYTES)
        _write(data / FOLDER / KEY, key)
        before = Tombstones(key)
    after = before.add(account_ids)
    if len(after) > len(before):
        content = _File(1, _HASH, [one.hex() for one in after.marks])
        _write(data / FOLDER / TOMBSTONES, msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    return after


def _write(path: UPath, content: bytes) -> None:
    with replacing_file(path) as temporary:
        if is_local_path(path):
            os.close(os.open(temporary.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))
        temporary.write_bytes(content)
