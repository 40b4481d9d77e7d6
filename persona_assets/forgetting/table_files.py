"""Remove accounts from stored Parquet files, each atomically, with its metadata and a new checksum."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from persona_assets.common.parquet_checksums import (
    CHECKSUM_KEY,
    open_checksummed_writer,
    read_body_digest,
    verify_parquet,
)
from persona_assets.common.parquet_files import ROW_GROUP_ROWS, write_parquet
from persona_assets.forgetting.proof import FileChange, ProofFile, digest_file
from persona_assets.forgetting.stored_files import StoredFile, require_unchanged
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.forgotten_accounts.rows import RemainingRows, remove_account_rows
from persona_assets.io_managers.atomic_storage import replacing_file
from persona_assets.io_managers.parquet_tables import MAIN_TABLE_DIGEST

# The columns of `embeddings`, which is written in another way than other tables: see `embeddings/vector_files.py`.
_VECTOR_COLUMNS = {"uri", "user_id", "vector"}


class TableUnit(NamedTuple):
    """A table and its side tables, which must be replaced together."""

    main: StoredFile
    side_tables: list[StoredFile]


def find_table_units(named: list[StoredFile], tables: list[StoredFile]) -> list[TableUnit]:
    """Return a unit for each table that names an account, with its side tables whether or not they name one.

    Args:
        named: The tables that name an account.
        tables: All stored tables.
    """
    belongs_to: dict[tuple[str, str], list[StoredFile]] = {}
    for file in tables:
        digest = _read_metadata(file).get(MAIN_TABLE_DIGEST.encode())
        if digest:
            belongs_to.setdefault((_file_name(file), digest.decode()), []).append(file)
    units = [TableUnit(file, belongs_to.get((_file_name(file), _read_digest(file) or ""), [])) for file in named]
    side_tables = {one.name for unit in units for one in unit.side_tables}
    return [unit for unit in units if unit.main.name not in side_tables]


def forget_in_unit(unit: TableUnit, accounts: Accounts, proof: ProofFile) -> None:
    """Rewrite a table and its side tables without the accounts, the main table last.

    A run that is killed in between leaves side tables of the new table beside the old one, which still names the
    account: the next run replaces it by the same new one.

    Raises:
        StorageError: A file is damaged, or the disk is full.
        ForgettingError: A file was changed by something else in the meantime.
    """
    with ExitStack() as replacements:  # renames in reverse order
        temporary = replacements.enter_context(replacing_file(unit.main.path))
        changes = [write_without_accounts(unit.main, temporary, accounts)]
        with temporary.open("rb") as file:
            digest = read_body_digest(file, name=unit.main.name)
        for side in unit.side_tables:
            temporary = replacements.enter_context(replacing_file(side.path))
            changes.append(write_without_accounts(side, temporary, accounts, belongs_to=digest))
        proof.add(*changes)
        require_unchanged([unit.main, *unit.side_tables])


def preview_table_change(file: StoredFile, accounts: Accounts) -> FileChange:
    """Return the change that `forget_in_unit` would make to a table, without making it."""
    with file.path.open("rb") as opened:
        table = pq.ParquetFile(opened)
        counts = _Counts()
        for _ in _read_remaining(table, lambda rows: remove_account_rows(rows, accounts), counts):
            pass
    return counts.describe(file.name, table.metadata.num_rows)


class _Counts:
    def __init__(self) -> None:
        self.own = self.about = self.references = 0

    def add(self, rows: RemainingRows) -> pa.Table:
        self.own, self.about, self.references = (
            self.own + rows.own,
            self.about + rows.about,
            self.references + rows.references,
        )
        return rows.table

    def describe(self, name: str, rows: int) -> FileChange:
        removed = self.own + self.about
        what = "rows removed" if removed else "references removed" if self.references else "side table"
        return FileChange(name, what, rows, rows - removed, self.own, self.about, self.references)


def write_without_accounts(
    file: StoredFile, temporary: UPath, accounts: Accounts, *, belongs_to: str | None = None
) -> FileChange:
    """Write a copy of a table without the accounts to `temporary`, and return the change.

    Args:
        file: The stored table.
        temporary: Where to write.
        accounts: The accounts to remove.
        belongs_to: Of a side table: the digest of its new main table.

    Raises:
        StorageError: The table is damaged.
    """
    return rewrite_table(
        file, temporary, accounts, keep_rows=lambda rows: remove_account_rows(rows, accounts), belongs_to=belongs_to
    )


def rewrite_table(
    file: StoredFile,
    temporary: UPath,
    accounts: Accounts,
    *,
    keep_rows: Callable[[pa.Table], RemainingRows],
    belongs_to: str | None = None,
) -> FileChange:
    """Write the rows of a table that remain to another path, as the table was written, and return the change.

    Args:
        file: The stored table.
        temporary: Where to write.
        accounts: The accounts to remove from the table's metadata.
        keep_rows: Returns what remains of a row group.
        belongs_to: Of a side table: the digest of its new main table.

    Raises:
        StorageError: The table is damaged.
    """
    counts = _Counts()
    with file.path.open("rb") as opened, temporary.open("wb") as written:
        verify_parquet(opened, name=file.name)  # a new checksum must not hide damage
        table = pq.ParquetFile(opened)
        schema = _clean_schema(_read_written_schema(table), accounts, belongs_to)
        batches = (rows.cast(schema) for rows in _read_remaining(table, keep_rows, counts))
        _write(written, schema, batches, group_rows=_find_group_rows(table))
        change = counts.describe(file.name, table.metadata.num_rows)
        change.digest_before = digest_file(opened)
    with temporary.open("rb") as written:
        change.digest_after = digest_file(written)
    return change


def _read_remaining(
    table: pq.ParquetFile, keep_rows: Callable[[pa.Table], RemainingRows], counts: _Counts
) -> Iterator[pa.Table]:
    for number in range(table.num_row_groups):
        yield counts.add(keep_rows(table.read_row_group(number)))


def _write(where: Any, schema: pa.Schema, batches: Iterator[pa.Table], *, group_rows: int) -> None:
    if set(schema.names) - {"day"} != _VECTOR_COLUMNS:
        # The next row group is read and filtered while one is written.
        write_parquet(where, schema, batches, max_group_rows=group_rows, prefetch_groups=True)
        return
    with open_checksummed_writer(where, schema, compression="zstd", use_dictionary=["user_id", "day"]) as writer:
        for group in _regroup(batches, group_rows):
            writer.write_table(group, row_group_size=group_rows)


def _regroup(batches: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Yield tables of exactly `rows` rows, the last one with what remains."""
    pending: list[pa.Table] = []
    for batch in batches:
        pending.append(batch)
        if sum(map(len, pending)) >= rows:
            whole = pa.concat_tables(pending)
            yield whole.slice(0, rows).combine_chunks()
            pending = [whole.slice(rows)]
    if rest := pa.concat_tables(pending) if pending else None:
        yield rest.combine_chunks()


def _find_group_rows(table: pq.ParquetFile) -> int:
    """Return the maximum rows of a row group, with which the table was written; not known if it has one group."""
    groups = [table.metadata.row_group(number).num_rows for number in range(table.num_row_groups)]
    return max(groups) if len(groups) > 1 else max(ROW_GROUP_ROWS, *groups, 1)


def _read_written_schema(table: pq.ParquetFile) -> pa.Schema:
    """Return the schema that the writer was given: the one that is read back names the elements of lists otherwise."""
    written = (table.metadata.metadata or {}).get(b"ARROW:schema")
    return table.schema_arrow if written is None else pa.ipc.read_schema(pa.BufferReader(base64.b64decode(written)))


def _clean_schema(schema: pa.Schema, accounts: Accounts, belongs_to: str | None) -> pa.Schema:
    metadata = {
        key: accounts.replace_in_bytes(value)
        for key, value in (schema.metadata or {}).items()
        if key != CHECKSUM_KEY.encode()  # the writer adds it
    }
    if belongs_to is not None:
        metadata[MAIN_TABLE_DIGEST.encode()] = belongs_to.encode()
    return schema.with_metadata(metadata or None)


def _file_name(file: StoredFile) -> str:
    return file.name.rpartition("/")[2]


def _read_metadata(file: StoredFile) -> dict[bytes, bytes]:
    with file.path.open("rb") as opened:
        return pq.read_schema(opened).metadata or {}


def _read_digest(file: StoredFile) -> str | None:
    with file.path.open("rb") as opened:
        return read_body_digest(opened, name=file.name)
