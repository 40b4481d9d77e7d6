"""Open DuckDB with a memory limit, refuse what exceeds it, read Arrow datasets in it, and find duplicate values.

No other module opens DuckDB.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from persona_assets.common.bounded_scan import scan_bounded
from persona_assets.common.cpu_count import count_threads
from persona_assets.common.full_disk import explaining_full_disk, full_disk_error, is_about_full_disk
from persona_assets.common.interrupts import interrupting_on_signal
from persona_assets.common.progress import watching_queries
from persona_assets.errors import MemoryLimitError, StorageError

# What an interrupted query raises. The interrupt may come from another thread, from the check for signals inside
# DuckDB's Python package, or from the stream of rows that the query reads.
INTERRUPT_ERRORS = (duckdb.Error, RuntimeError)
# A step whose own arrays leave less than this share of the limit to all else is refused.
MIN_SHARE = 1 / 4
# What DuckDB leaves of the memory limit to the rest of the process: a third of what exceeds 256 MB, at most 512 MB.
# Tables that queries return, buffers of the Parquet writer and what DuckDB does not count take 100 to 500 MB.
_WITHOUT_RESERVE_BYTES, _RESERVED_SHARE, _MAX_RESERVE_BYTES = 256_000_000, 1 / 3, 512_000_000
_BYTES_OF_UNIT = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
# How the message of a query that has no more memory begins.
_OUT_OF_MEMORY = "Out of Memory Error"
# Rows of a batch that are numbered together, where DuckDB cannot number them itself.
_NUMBERED_ROWS = 32_768
# Maximum number of hashes in memory at a time, 8 bytes each.
_HASHES_PER_PASS = 1 << 24


class QueryOptions(TypedDict):
    """The keyword arguments of `open_duckdb`, for functions that pass them on."""

    memory_limit: str
    scratch: Path


@contextmanager
def open_duckdb(*, memory_limit: str, scratch: Path, bytes_beside: int = 0) -> Generator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that spills to `scratch` beyond its share of `memory_limit`; close it after the block.

    Its share is the limit without a reserve for the rest of the process: `share_of_duckdb`.

    Rows come in a defined order only if the query has ORDER BY: `preserve_insertion_order` is off, which lets large
    sorts and joins stream.

    Args:
        memory_limit: Such as "4GB".
        scratch: An existing folder for spilled data, which stays there until the block ends.
        bytes_beside: Bytes of the arrays that the caller has in memory while DuckDB works.

    Raises:
        MemoryLimitError: What is beside DuckDB leaves less than `MIN_SHARE` of the limit to it.
        StorageError: The disk of `scratch` is full, or a query needs more memory than it may use.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{share_of_duckdb(memory_limit, bytes_beside=bytes_beside) // 1000}KB",
        "temp_directory": str(scratch),
        "preserve_insertion_order": "false",
        "TimeZone": "UTC",
        # DuckDB would take all CPUs of the machine, whatever the affinity of the process is.
        "threads": count_threads(),
        # A step must not download extensions.
        "autoinstall_known_extensions": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    # Only with a progress bar, which need not be printed, does DuckDB know how much of a query is done.
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    try:
        with (
            watching_queries(connection.query_progress),
            interrupting_on_signal(connection.interrupt, interrupt_errors=INTERRUPT_ERRORS),
            explaining_full_disk(scratch),
        ):
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise _memory_error(memory_limit, scratch) from error
    except OSError as error:
        # So pyarrow raises an error of a query whose rows it reads.
        if not str(error).startswith(_OUT_OF_MEMORY):
            raise
        raise _memory_error(memory_limit, scratch) from error
    except duckdb.Error as error:
        # DuckDB keeps only the message of an error that is raised in a stream of rows that a query reads.
        if not is_about_full_disk(error):
            raise
        raise full_disk_error(scratch) from error
    finally:
        connection.close()


def _memory_error(memory_limit: str, scratch: Path) -> StorageError:
    return StorageError(
        f"a join or sort needs more than its memory, {memory_limit}, and what is free below {scratch}: set TMPDIR "
        "to a disk with more space, or PERSONA_MEMORY_LIMIT higher"
    )


def parse_bytes(memory_limit: str) -> int:
    """Return the bytes of a size such as "4GB" or "1.5 GiB", as PERSONA_MEMORY_LIMIT gives it."""
    number = memory_limit.rstrip("BGMTi").strip()
    return int(float(number) * _BYTES_OF_UNIT[memory_limit[len(number) :].strip()])


def share_of_duckdb(memory_limit: str, *, bytes_beside: int = 0) -> int:
    """Return the bytes of a memory limit that DuckDB may use: 752 MB of 1 GB, and all but 512 MB from 1.8 GB.

    Args:
        memory_limit: Such as "4GB".
        bytes_beside: Bytes of the caller's arrays. What exceeds the usual reserve is taken from DuckDB's share.

    Raises:
        MemoryLimitError: Less than `MIN_SHARE` of the limit is left.
    """
    limit = parse_bytes(memory_limit)
    reserve = min(int(max(0, limit - _WITHOUT_RESERVE_BYTES) * _RESERVED_SHARE), _MAX_RESERVE_BYTES)
    require_memory(bytes_beside, memory_limit, what="what it has in memory beside its joins")
    return limit - max(reserve, bytes_beside)


def lower_memory_limit(con: duckdb.DuckDBPyConnection, memory_limit: str, *, bytes_beside: int) -> None:
    """Leave more of a memory limit to the rest of the process, from now on; DuckDB keeps `MIN_SHARE` in any case.

    Args:
        con: From `open_duckdb`.
        memory_limit: Such as "4GB".
        bytes_beside: Bytes of the caller's arrays from now on.
    """
    beside = min(bytes_beside, int((1 - MIN_SHARE) * parse_bytes(memory_limit)))
    con.execute(f"SET memory_limit = '{share_of_duckdb(memory_limit, bytes_beside=beside) // 1000}KB'")


def require_memory(needed: int, memory_limit: str, *, what: str, min_share: float = MIN_SHARE) -> None:
    """Refuse a step that needs more than three quarters of its memory limit for what cannot be spilled.

    Args:
        needed: Bytes that are in memory whatever the limit is.
        memory_limit: Such as "4GB".
        what: What needs them, as in "the messages of the window".
        min_share: Share of the limit that must be left to all else; 0 for work beside which there is no database.

    Raises:
        MemoryLimitError: Less than `min_share` of the limit is left. The message names the limit that would do.
    """
    if needed > (1 - min_share) * parse_bytes(memory_limit):
        enough = math.ceil(10 * needed / (1 - min_share) / 1e9) / 10
        raise MemoryLimitError(
            f"this step needs {needed / 1e9:.1f} GB for {what}, and may use {memory_limit}: set PERSONA_MEMORY_LIMIT "
            f"to {enough:.1f}GB or more, or a shorter PERSONA_WINDOW_DAYS"
        )


def create_dataset_view(con: duckdb.DuckDBPyConnection, name: str, dataset: pads.Dataset) -> None:
    """Create a temporary DuckDB view `name` that reads the rows of a pyarrow dataset.

    DuckDB reads local Parquet files itself, which takes a third of the time of reading them through pyarrow.
    """
    if files := quote_parquet_paths(dataset):
        columns = ", ".join(f'"{column}"' for column in dataset.schema.names)  # the files also have `day`
        con.execute(f"CREATE TEMP VIEW {name} AS SELECT {columns} FROM read_parquet([{', '.join(files)}])")  # noqa: S608 - quoted
    else:
        con.register(name, dataset)


def create_numbered_view(
    con: duckdb.DuckDBPyConnection, name: str, dataset: pads.Dataset, *, columns: Sequence[str], number: str
) -> None:
    """Create or replace a temporary DuckDB view `name` of columns of a dataset and the number of each row, from 0.

    DuckDB numbers the rows of a single local file itself. Other datasets become a stream, which can be read only once.
    """
    files = quote_parquet_paths(dataset)
    if len(files) == 1:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {', '.join(columns)}, file_row_number AS {number} "  # noqa: S608 - names in this project
            f"FROM read_parquet({files[0]}, file_row_number = true)"
        )
    else:
        con.register(name, _number_rows(dataset, list(columns), number))


def _number_rows(dataset: pads.Dataset, columns: list[str], number: str) -> pa.RecordBatchReader:
    scanner = scan_bounded(dataset, columns=columns, batch_rows=_NUMBERED_ROWS)

    def append_numbers() -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in scanner.to_batches():
            yield batch.append_column(number, pa.array(np.arange(rows, rows + len(batch))))
            rows += len(batch)

    return pa.RecordBatchReader.from_batches(
        scanner.projected_schema.append(pa.field(number, pa.int64())), append_numbers()
    )


def quote_parquet_paths(dataset: pads.Dataset) -> list[str]:
    """Return the paths of a dataset's files as SQL string literals, or [] unless all are local Parquet files."""
    if not isinstance(dataset, pads.FileSystemDataset) or not isinstance(dataset.format, pads.ParquetFileFormat):
        return []
    # DuckDB would read a path with a wildcard as a glob pattern.
    has_wildcard = any(set("*?[") & set(file) for file in dataset.files)
    if has_wildcard or not isinstance(dataset.filesystem, pafs.LocalFileSystem):
        return []
    return ["'" + file.replace("'", "''") + "'" for file in dataset.files]


def find_duplicate_values(con: duckdb.DuckDBPyConnection, table: str, column: str) -> npt.NDArray[np.uint64]:
    """Return the values that occur in more than one row of an unsigned 64-bit column, ascending.

    Sorts in NumPy, which takes half of the time of GROUP BY. Needs up to 256 MiB in addition to the memory of DuckDB.
    """
    (rows,) = con.sql(f"SELECT count(*) FROM {table}").fetchall()[0]  # noqa: S608 - a name in this project
    passes = 1 + rows // _HASHES_PER_PASS
    duplicates: list[npt.NDArray[np.uint64]] = []
    for remainder in range(passes):
        batches = con.sql(f"SELECT {column} FROM {table} WHERE {column} % {passes} = {remainder}").to_arrow_reader()  # noqa: S608 - names and numbers
        hashes = np.concatenate([np.empty(0, np.uint64), *(batch[column].to_numpy() for batch in batches)])
        hashes.sort()
        duplicates.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.sort(np.concatenate(duplicates))
