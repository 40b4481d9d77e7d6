"""Tables as one Parquet file a day: `<data>/<asset>/<day>.parquet`, read back as one lazy dataset.

A stored file has one column more than its table in `tables.py`, the partition's `day`: a folder of days reads as one
table, and nothing else lies in it. Inputs are loaded without that column.
"""

import datetime as dt
import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.common.columns import describe_columns, require_schema
from persona_assets.common.metadata import column_schema
from persona_assets.common.parquet_checksums import read_body_digest, verify_parquet
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import PersonaAssetsError, SchemaError, StorageError
from persona_assets.io_managers.atomic_storage import arrow_filesystem, is_local, replacing_file
from persona_assets.io_managers.side_tables import find_side, remove_former_side, side_path
from persona_assets.io_managers.window_days import days_made, days_present
from persona_assets.partitions import parse_day

# In the schema metadata of a side table: the digest of the rows of its main table.
BELONGS_TO = "persona_assets.belongs_to"


class WithSideTables(NamedTuple):
    """A table and smaller ones that belong to it, such as clusters and their centres, by the folders they go to.

    A side table without rows is not stored.
    """

    main: pa.Table | Path
    sides: Mapping[str, pa.Table]


class DatasetWithSides(NamedTuple):
    """What an input with side tables is loaded as: a file a day in each, in their order."""

    main: pads.FileSystemDataset
    sides: Mapping[str, pads.FileSystemDataset]


def every_day_with(*sides: str) -> dict[str, list[str]]:
    """Return the metadata of a `dagster.AssetIn` that reads whatever days are there, and these side tables of them."""
    return {"every_day_with": list(sides)}


def with_side_tables(*sides: str) -> dict[str, list[str]]:
    """Return the metadata of a `dagster.AssetIn` that reads one day, and these side tables of it."""
    return {"with_side_tables": list(sides)}


# Metadata of an input, or of an asset: where the one is missing or damaged, or the other cannot be written because
# the disk is full, a step that is tried again on other trouble is not.
NO_RETRY: Mapping[str, bool] = {"never_tried_again": True}


class ParquetDatasets(dg.UPathIOManager):
    """Store a `pyarrow.Table`, or a finished Parquet file (`Path`) when the table is too large to hold.

    A finished file of a partition has its column `day` already. A side table goes to `<side>/<day>.parquet`, beside the
    asset's folder. Sides are in place before the main table is: who sees the table finds them.
    """

    extension = ".parquet"

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Check the schema, write under a temporary name in the same folder, then rename."""
        main, sides = obj if isinstance(obj, WithSideTables) else (obj, {})
        name = context.asset_key.to_user_string()
        schema = pq.read_schema(main) if isinstance(main, Path) else main.schema
        table = tables.expected_schema(name, schema)
        day = parse_day(context.partition_key) if context.has_asset_partitions else None
        stored = table if day is None else tables.stored_schema(table)
        require_schema(schema, stored if isinstance(main, Path) else table, table=name)
        rows = pq.read_metadata(main).num_rows if isinstance(main, Path) else main.num_rows
        _put(main, sides, path, day)
        context.add_output_metadata(
            {
                f"dagster/{'partition_' if context.has_asset_partitions else ''}row_count": rows,
                "dagster/column_schema": column_schema(describe_columns(stored)),
                "size_bytes": path.stat().st_size,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Return what the input asks for.

        Raises:
            Failure: Instead of an error of ours, for an input that is `NO_RETRY`.
        """
        with _failing_at_once(context.definition_metadata):
            return super().load_input(context)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store what the asset has made.

        Raises:
            Failure: Instead of an error of ours, for an asset that is `NO_RETRY`.
        """
        with _failing_at_once(context.definition_metadata):
            super().handle_output(context, obj)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pads.Dataset:
        """Return the table over all days, lazily.

        Raises:
            StorageError: The file has changed since it was written.
        """
        return self._open(context, [path])

    def load_partitions(self, context: dg.InputContext) -> pads.Dataset | DatasetWithSides:
        """Return the tables of one or more days as one lazy dataset, in the order of the days.

        The schemas of side tables are not compared: days may differ in the width of their vectors.

        Raises:
            StorageError: A file has changed since it was written.
        """
        paths = self._get_paths_for_partitions(context)
        metadata = context.definition_metadata or {}
        every_day = "every_day_with" in metadata
        days = days_made(context, paths) if every_day else days_present(context, paths)
        sides = metadata.get("every_day_with" if every_day else "with_side_tables")
        if sides is None:
            return self._open(context, days)
        side_files = {side: find_side(side, days) for side in sides}
        main = self._open(context, days)
        return DatasetWithSides(main, {side: _open_side(files, days) for side, files in side_files.items()})

    def _open(self, context: dg.InputContext, paths: list[UPath]) -> pads.FileSystemDataset:
        name = context.asset_key.to_user_string()
        dataset, unverified, without_day = _open_dataset(name, paths)
        if unverified:
            context.log.warning(
                "%d of %d files of %s have no checksum, as those of version 0.1: damage to them would not be seen. "
                "Materialize their partitions again to have them verified",
                unverified,
                len(paths),
                name,
            )
        if without_day and context.has_asset_partitions:  # a table over all days has columns of its own
            context.log.warning(
                "%d of %d files of %s have no column `day`, as those of version 0.1: they are used, but other tools do "
                "not read them and later ones as one table. The first is %s: dagster asset materialize "
                "-m persona_assets.definitions --select %s --partition %s",
                len(without_day),
                len(paths),
                name,
                without_day[0],
                name,
                without_day[0].stem,
            )
        return dataset


class ParquetIOManager(dg.ConfigurableIOManagerFactory[ParquetDatasets]):
    """Parquet files below `base` (a path or fsspec URL)."""

    base: str

    def create_io_manager(self, context: dg.InitResourceContext) -> ParquetDatasets:
        """Open the place; nothing is written yet."""
        del context
        return ParquetDatasets(UPath(self.base).absolute())


@contextmanager
def _failing_at_once(metadata: Mapping[str, Any] | None) -> Generator[None]:
    try:
        yield
    except PersonaAssetsError as error:
        if (metadata or {}).items() >= NO_RETRY.items():
            raise dg.Failure(str(error), allow_retries=False) from error
        raise


def _put(main: pa.Table | Path, sides: Mapping[str, pa.Table], path: UPath, day: dt.date | None) -> None:
    """Write all tables under temporary names, then rename the sides, and the main table last.

    A run that ends between two renames leaves new sides beside an old table, or none: each side holds the digest of its
    own main table, so that a reader sees that.
    """
    with ExitStack() as replaced:  # left in the reverse order
        temporary = replaced.enter_context(replacing_file(path))
        _write(main, temporary, day)
        with temporary.open("rb") as file:
            digest = read_body_digest(file, name=path)
        for side, table in sides.items():
            if not table.num_rows:
                continue
            metadata = {**(table.schema.metadata or {}), **({BELONGS_TO: digest} if digest else {})}
            place = replaced.enter_context(replacing_file(side_path(path, side)))
            _write(table.replace_schema_metadata(metadata), place, day)
    for side, table in sides.items():
        remove_former_side(path, side, all_places=not table.num_rows)


def _write(table: pa.Table | Path, temporary: UPath, day: dt.date | None) -> None:
    if not isinstance(table, Path):
        with temporary.open("wb") as file:
            write_parquet(file, table.schema, [table], day=day)
    elif is_local(temporary):
        shutil.move(table, temporary.path)  # a rename where scratch is on the same disk
    else:
        temporary.fs.put_file(str(table), temporary.path)


def _open_side(files: list[UPath], paths: list[UPath]) -> pads.FileSystemDataset:
    filesystem = arrow_filesystem(files[0].fs)
    for file, path in zip(files, paths, strict=True):
        _verify(file)
        belongs_to = (pq.read_schema(file.path, filesystem=filesystem).metadata or {}).get(BELONGS_TO.encode())
        with path.open("rb") as main:
            if belongs_to and belongs_to.decode() != read_body_digest(main, name=path):
                raise StorageError(f"{file} belongs to another table than {path}: materialize this partition again")
    return _as_dataset(files, _read_schema(files[0], filesystem))


def _open_dataset(table: str, paths: list[UPath]) -> tuple[pads.FileSystemDataset, int, list[UPath]]:
    """Open files as one dataset, each verified first, so that a bad day is named before any work.

    Returns:
        The dataset, without the column `day`; how many files have no checksum; and those without that column.
    """
    filesystem = arrow_filesystem(paths[0].fs)
    schema: pa.Schema | None = None
    unverified = 0
    without_day: list[UPath] = []
    for path in paths:
        unverified += not _verify(path)
        found = _read_schema(path, filesystem)
        expected = tables.expected_schema(table, found)
        if found.equals(expected):
            without_day.append(path)
        else:
            require_schema(found, tables.stored_schema(expected), table=str(path))
        if schema is not None and not expected.equals(schema):
            raise SchemaError(
                f"{path}: its columns differ from those of {paths[0]} ({expected.field(-1)}, {schema.field(-1)}): "
                f"materialize {table} for all days of the window with the same settings"
            )
        schema = expected
    return _as_dataset(paths, schema), unverified, without_day


def _as_dataset(paths: list[UPath], schema: pa.Schema | None) -> pads.FileSystemDataset:
    filesystem = arrow_filesystem(paths[0].fs)
    options = pads.ParquetFragmentScanOptions(page_checksum_verification=True)
    return pads.FileSystemDataset.from_paths(
        [path.path for path in paths],
        schema=schema,
        format=pads.ParquetFileFormat(default_fragment_scan_options=options),
        filesystem=filesystem,
    )


def _verify(path: UPath) -> bool:
    """Compare a file with its checksum; return False where it has none.

    A local file is read whole: DuckDB, which reads many of them, looks at no page checksum. A remote one is not, as
    that would fetch it twice: its footer is compared here, and its pages as pyarrow reads them.
    """
    with path.open("rb") as file:
        return verify_parquet(file, name=path, whole=is_local(path))


def _read_schema(path: UPath, filesystem: Any) -> pa.Schema:
    try:
        return pq.read_schema(path.path, filesystem=filesystem).remove_metadata()
    except (ConnectionError, TimeoutError):
        raise  # the network's fault, not the file's
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{path} is not a whole Parquet file: materialize this partition again") from error
