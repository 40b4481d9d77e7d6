"""DuckDB with its memory bounded: the one place that opens it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from persona_assets.errors import StorageError
from persona_assets.full_disk import explaining_full_disk


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
        with explaining_full_disk(scratch):
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            f"a join or sort needs more than its memory, {memory_limit}, and what is free below {scratch}: set TMPDIR "
            "to a disk with more space, or PERSONA_MEMORY_LIMIT higher"
        ) from error
    finally:
        connection.close()
