"""The proof of what was removed: a JSON file that names files, counts and digests, and no account."""

import datetime as dt
import hashlib
from typing import Any, BinaryIO

import msgspec
from upath import UPath

from persona_assets.forgetting.tombstone_files import FOLDER
from persona_assets.io_managers.atomic_storage import replacing_file

PROOFS = "proofs"
_BLOCK_BYTES = 1 << 20


class FileChange(msgspec.Struct):
    """The change of one file in a proof: what was done, rows removed by kind, and digests before and after.

    Digests are SHA-256 of all of its bytes; a deleted file has none after.
    """

    file: str  # path below the data folder
    what: str  # "rows removed", "lines removed", "users removed", "references removed", "side table", "deleted"
    rows_before: int | None = None  # rows of a table, lines of a personas' file, users of user_clusters.json
    rows_after: int | None = None
    own: int = 0  # rows of the accounts
    about: int = 0  # rows of others about them
    references: int = 0  # rows of others that stay, without a reference to them
    digest_before: str = ""
    digest_after: str = ""


class Proof(msgspec.Struct):
    """Content of the proof that one run of `persona-forget` writes: counts, changes, and what remains.

    It is written before each change, so that a killed run leaves one too.
    """

    started: str
    accounts: int  # number of accounts that were asked for
    tombstones: int  # number of all accounts that were ever forgotten here
    version: int = 1
    digest: str = "SHA-256"
    is_complete: bool = False
    finished: str = ""
    files_searched: int = 0
    files_unchanged: int = 0
    vectors_deleted: int = 0
    temporary_deleted: int = 0
    to_make_again: dict[str, list[str]] = msgspec.field(default_factory=dict[str, list[str]])  # days by asset
    not_removed: list[str] = msgspec.field(default_factory=list[str])  # files of unknown form that name an account
    changes: list[FileChange] = msgspec.field(default_factory=list[FileChange])


class ProofFile:
    """The JSON file of a proof, which is replaced each time changes are added."""

    def __init__(self, data: UPath, proof: Proof) -> None:
        """Name the file by the time at which the run started."""
        self.content = proof
        self.path = data / FOLDER / PROOFS / f"{proof.started.replace(':', '')}.json"

    def write(self) -> None:
        """Replace the file by the current content of the proof.

        Raises:
            StorageError: The disk is full.
        """
        with replacing_file(self.path) as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self.content), indent=1) + b"\n")

    def add(self, *changes: FileChange) -> None:
        """Add changes to the proof, and write it, before they are made."""
        self.content.changes += changes
        self.write()


def format_proof_time(time: dt.datetime) -> str:
    """Return a time as the proof has it: ISO 8601, UTC, to the microsecond."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest_file(opened: BinaryIO | Any) -> str:
    """Return the SHA-256 of a file from its start, as hexadecimal digits."""
    digest = hashlib.sha256()
    opened.seek(0)
    while block := opened.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
