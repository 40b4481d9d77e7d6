"""Write rows of a form as Parquet shards: a folder for each persona, and files for each split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.common.parquet_checksums import open_checksummed_writer

# Of a row group, which is in memory as a whole: what readers of the Hub stream at a time.
GROUP_ROWS, GROUP_BYTES = 20_000, 32 << 20
# Of a shard before compression: the Hub's own limit is 500 MB a file.
SHARD_BYTES = 1 << 30


class Shard(NamedTuple):
    """One Parquet file of a data set: its form, persona, split, path, rows and sizes."""

    form: str
    persona: str
    split: str
    path: str  # relative to the folder of the data set
    rows: int
    uncompressed_bytes: int  # in Arrow
    size_bytes: int  # of the file


class ShardWriter:
    """Writes the rows of one form, persona and split to Parquet files, with one row group in memory."""

    def __init__(self, folder: Path, form: str, persona: str, split: str, schema: pa.Schema) -> None:
        """Write nothing yet.

        Args:
            folder: Of the data set.
            form: Name of the form.
            persona: Such as `persona_3`.
            split: Name of the split.
            schema: Of the rows.
        """
        self._folder = folder / "data" / form / persona
        self._root, self._names = folder, (form, persona, split)
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._pending_rows = self._pending_bytes = 0
        self._done: list[tuple[int, int]] = []  # rows and bytes of each shard
        self._opened: ExitStack | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Append the rows of a table to the current Parquet file."""
        if not table.num_rows:
            return
        self._pending.append(table)
        self._pending_rows += table.num_rows
        self._pending_bytes += table.nbytes
        if self._pending_rows >= GROUP_ROWS or self._pending_bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> list[Shard]:
        """Write the remaining rows, give the files their final names, and return them."""
        self._flush()
        self._end_shard()
        form, persona, split = self._names
        shards: list[Shard] = []
        for number, (rows, size) in enumerate(self._done):
            name = f"{split}-{number:05}-of-{len(self._done):05}.parquet"
            path = self._path(number).rename(self._folder / name)
            relative = path.relative_to(self._root).as_posix()
            shards.append(Shard(form, persona, split, relative, rows, size, path.stat().st_size))
        return shards

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._names[2]}-{number:05}.parquet"

    def _flush(self) -> None:
        if not self._pending_rows:
            return
        writer = self._writer or self._open_shard()
        group = pa.concat_tables(self._pending).combine_chunks()
        writer.write_table(group, row_group_size=group.num_rows)
        rows, size = self._done[-1]
        self._done[-1] = rows + group.num_rows, size + group.nbytes
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        if self._done[-1][1] >= SHARD_BYTES:
            self._end_shard()

    def _open_shard(self) -> pq.ParquetWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._opened = ExitStack()
        where = self._path(len(self._done))
        self._writer = self._opened.enter_context(
            open_checksummed_writer(where, self._schema, compression="zstd", use_dictionary=_DICTIONARY)
        )
        self._done.append((0, 0))
        return self._writer

    def _end_shard(self) -> None:
        if self._opened is not None:
            self._opened.close()
        self._opened = self._writer = None


# Columns whose values repeat. Others would fill a dictionary, which the writer then discards.
_DICTIONARY = ["persona", "persona_name", "split", "act", "messages.list.element.role", "prompt.list.element.role"]


class PersonaWriters:
    """The `ShardWriter` of each form and split of one persona."""

    def __init__(self, folder: Path, persona: str, forms: dict[str, pa.Schema], splits: tuple[str, ...]) -> None:
        """Write nothing yet."""
        self._writers = {
            (form, split): ShardWriter(folder, form, persona, split, schema)
            for form, schema in forms.items()
            for split in splits
        }

    def write(self, form: str, rows: pa.Table) -> None:
        """Append rows of a form, each to the file of its split."""
        for split, part in _by_split(rows):
            self._writers[form, split].write(part)

    def close(self) -> list[Shard]:
        """Close all writers, and return their files."""
        return [shard for writer in self._writers.values() for shard in writer.close()]


def _by_split(rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    splits = rows["split"].combine_chunks()
    for split in sorted(set(splits.unique().to_pylist())):
        yield split, rows.filter(pa.compute.equal(splits, split))
