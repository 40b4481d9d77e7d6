"""Open stored tables outside of an asset's inputs: a day of another partition, or a table of all days (ADR 0057)."""

import datetime as dt
from collections.abc import Sequence

import pyarrow.dataset as pads
from upath import UPath

from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, open_side_table, open_stored_tables
from persona_assets.io_managers.side_tables import find_side_tables
from persona_assets.partitions import parse_day

_EXTENSION = ".parquet"


def open_day(data: str, asset: str, day: dt.date, *side_tables: str) -> DatasetWithSideTables:
    """Return a stored day of an asset with side tables, for an asset that does not depend on that partition (ADR 0057).

    Args:
        data: The setting `data`.
        asset: Name of a daily asset that is stored as a table.
        day: Its partition.
        *side_tables: Names of its side tables to open.

    Raises:
        MissingPartitionError: The day is not stored.
        StorageError: A file has changed since it was written, or a side table is missing or belongs to another table.
    """
    path = UPath(data).absolute() / asset / f"{day}{_EXTENSION}"
    if not path.exists():
        raise MissingPartitionError(f"{asset} has not been materialized for {day}: there is no {path}")
    main, *_ = open_stored_tables(asset, [path])
    sides = {side: open_side_table(find_side_tables(side, [path]), [path]) for side in side_tables}
    return DatasetWithSideTables(main, sides)


def open_days(data: str, asset: str, days: Sequence[dt.date]) -> pads.FileSystemDataset:
    """Open several stored days of an asset as one lazy dataset.

    Args:
        data: The setting `data`.
        asset: Name of a daily asset, or of a side table, that is stored as a table.
        days: Days that are stored, at least one.

    Raises:
        StorageError: A file has changed since it was written.
    """
    return open_stored_tables(asset, [UPath(data).absolute() / asset / f"{day}{_EXTENSION}" for day in days])[0]


def open_table_of_all_days(data: str, asset: str) -> pads.FileSystemDataset | None:
    """Open the stored table of an asset without partitions, or return None if there is none.

    Raises:
        StorageError: The file has changed since it was written.
    """
    path = UPath(data).absolute() / f"{asset}{_EXTENSION}"
    return open_stored_tables(asset, [path])[0] if path.exists() else None


def list_stored_days(data: str, asset: str) -> list[dt.date]:
    """Return the days for which a table of `asset` is stored below `data`, sorted; none if the folder is missing."""
    folder = UPath(data).absolute() / asset
    files = folder.glob(f"*{_EXTENSION}") if folder.exists() else []
    return sorted(parse_day(file.stem) for file in files if not file.name.startswith("."))
