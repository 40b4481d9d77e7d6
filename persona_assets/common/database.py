"""DuckDB with its memory bounded: the one place that opens it, and what its users share."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from persona_assets.common.full_disk import describe_full_disk, explaining_full_disk, is_about_full_disk
from persona_assets.common.interrupts import ending_on_signal
from persona_assets.errors import StorageError

# What a query raises that was interrupted: by another thread, by Python's own look for signals, or in a stream of rows
# that it reads.
INTERRUPTED = (duckdb.Error, RuntimeError)
# Hashes that are sorted at once, 8 bytes each.
_HASHES_AT_ONCE = 1 << 24


@contextmanager
def open_duckdb(*, memory_limit: str, scratch: Path) -> Generator[duckdb.DuckDBPyConnection]:
    """Open an in-memory database that spills to `scratch` beyond `memory_limit`, for as long as the block runs.

    Results are in the order that a query states: no order is kept that was not asked for, which lets big
    sorts and joins stream.

    Args:
        memory_limit: Such as "4GB".
        scratch: A folder that exists; what is spilled lies there until the block ends.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit.replace(" ", ""),
        "temp_directory": str(scratch),
        "preserve_insertion_order": "false",
        "TimeZone": "UTC",
        # No extension is fetched from a network in the middle of a step.
        "autoinstall_known_extensions": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        with ending_on_signal(connection.interrupt, fails_with=INTERRUPTED), explaining_full_disk(scratch):
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            f"a join or sort needs more than its memory, {memory_limit}, and what is free below {scratch}: set TMPDIR "
            "to a disk with more space, or PERSONA_MEMORY_LIMIT higher"
        ) from error
    except duckdb.Error as error:
        # Of what a query's own stream of rows raises, DuckDB keeps the words alone.
        if not is_about_full_disk(error):
            raise
        raise describe_full_disk(scratch) from error
    finally:
        connection.close()


def view_dataset(con: duckdb.DuckDBPyConnection, name: str, dataset: pads.Dataset) -> None:
    """Make the columns of a dataset readable as `name`.

    Parquet files on this machine are read by DuckDB itself, in a third of the time.
    """
    if files := quote_local_parquet(dataset):
        columns = ", ".join(f'"{column}"' for column in dataset.schema.names)  # files may have more: `day`
        con.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM read_parquet([{', '.join(files)}])")  # noqa: S608 - quoted
    else:
        con.register(name, dataset)


def quote_local_parquet(dataset: pads.Dataset) -> list[str]:
    """Return the names of a dataset's files as SQL has strings, if all are Parquet on this machine; else none."""
    if not isinstance(dataset, pads.FileSystemDataset) or not isinstance(dataset.format, pads.ParquetFileFormat):
        return []
    # A name with a wildcard would be read as a pattern.
    is_pattern = any(set("*?[") & set(file) for file in dataset.files)
    if is_pattern or not isinstance(dataset.filesystem, pafs.LocalFileSystem):
        return []
    return ["'" + file.replace("'", "''") + "'" for file in dataset.files]


def find_repeated(con: duckdb.DuckDBPyConnection, table: str, column: str) -> npt.NDArray[np.uint64]:
    """Return the values of an unsigned 64-bit column that stand in several rows, ascending.

    Sorting them takes half of the time of a group-by. Holds at most 256 MiB beside the engine's memory.
    """
    (rows,) = con.sql(f"SELECT count(*) FROM {table}").fetchall()[0]  # noqa: S608 - a name in this project
    passes = 1 + rows // _HASHES_AT_ONCE
    found: list[npt.NDArray[np.uint64]] = []
    for number in range(passes):
        some = con.sql(f"SELECT {column} FROM {table} WHERE {column} % {passes} = {number}").to_arrow_reader()  # noqa: S608 - names and numbers
        hashes = np.concatenate([np.empty(0, np.uint64), *(batch[column].to_numpy() for batch in some)])
        hashes.sort()
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.sort(np.concatenate(found))
