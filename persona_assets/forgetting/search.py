"""Tell which stored files name an account: Parquet files by their values, others by their bytes, decompressed."""

import gzip
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from persona_assets.common.account_ids import MAX_DID_CHARACTERS
from persona_assets.errors import ForgettingError
from persona_assets.forgetting.stored_files import StoredFile
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.forgotten_accounts.rows import has_text, names_accounts

_BLOCK_BYTES = 8 << 20
# An id that lies across two blocks is found in the second, which begins with the end of the first.
_OVERLAP_BYTES = 2 * MAX_DID_CHARACTERS


def names_accounts_in(file: StoredFile, accounts: Accounts) -> bool:
    """Return whether a file names one of the accounts. Memory: a row group, or a block of 8 MiB.

    Raises:
        ForgettingError: The file is damaged, so that nobody can tell.
    """
    try:
        with file.path.open("rb") as opened:
            if file.name.endswith(".parquet"):
                return _names_in_table(cast("Any", opened), accounts)
            return any(accounts.are_named_in(block) for block in _read_blocks(cast("Any", opened), file.name))
    except (pa.ArrowException, zstandard.ZstdError, EOFError, gzip.BadGzipFile) as error:
        raise ForgettingError(f"{file.name} is damaged: make it again or delete it, and run this again") from error


def _names_in_table(opened: BinaryIO, accounts: Accounts) -> bool:
    table = pq.ParquetFile(opened, page_checksum_verification=True)
    schema = table.schema_arrow
    if any(accounts.are_named_in(value) for value in (schema.metadata or {}).values()):
        return True
    columns = [field.name for field in schema if has_text(field.type)]
    return any(
        names_accounts(table.read_row_group(number, columns=columns), accounts)
        for number in range(table.num_row_groups)
    )


def _read_blocks(opened: BinaryIO, name: str) -> Iterator[bytes]:
    stream: Any = opened
    if name.endswith(".zst"):
        stream = zstandard.ZstdDecompressor().stream_reader(opened, read_across_frames=True)
    elif name.endswith(".gz"):
        stream = gzip.GzipFile(fileobj=opened)
    with io.BufferedReader(stream, _BLOCK_BYTES) if stream is not opened else opened as reader:
        end = b""
        while block := reader.read(_BLOCK_BYTES):
            yield end + block
            end = (end + block)[-_OVERLAP_BYTES:]
