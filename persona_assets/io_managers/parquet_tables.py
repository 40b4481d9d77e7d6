"""IO manager for tables: one Parquet file per day, `<data>/<asset>/<day>.parquet`, loaded as one lazy dataset.

A stored file has one column more than its schema in `tables.py`: the partition's `day`. Nothing else is in the folder
of an asset, which can be read as one table. Inputs are loaded without that column.
"""

import datetime as dt
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
from persona_assets.common.metadata import build_column_schema
from persona_assets.common.parquet_checksums import read_body_digest, verify_parquet
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.progress import reporting_progress
from persona_assets.errors import PersonaAssetsError, SchemaError, StorageError
from persona_assets.io_managers.atomic_storage import arrow_filesystem, is_local_path, move_local_file, replacing_file
from persona_assets.io_managers.later_columns import add_later_columns
from persona_assets.io_managers.side_tables import find_side_tables, remove_side_table, side_table_path
from persona_assets.io_managers.window_days import find_existing_paths, find_table_of_all_days, find_window_paths
from persona_assets.partitions import parse_day

# Key in the schema metadata of a side table; the value is the digest of the rows of its main table.
MAIN_TABLE_DIGEST = "persona_assets.belongs_to"


class WithSideTables(NamedTuple):
    """An output value: the main table of an asset, and its side tables by the name of the folder of each.

    For example, the centres of clusters are a side table of `clusters`. A side table without rows is not stored.
    """

    main: pa.Table | Path
    side_tables: Mapping[str, pa.Table]


class DatasetWithSideTables(NamedTuple):
    """An input value: the lazy datasets of a main table and of its side tables, each with files sorted by day."""

    main: pads.FileSystemDataset
    side_tables: Mapping[str, pads.FileSystemDataset]


def metadata_to_load_all_stored_days(*side_tables: str) -> dict[str, list[str]]:
    """Return metadata for `dg.AssetIn` that makes the IO manager load all stored days, with side tables if named."""
    return {"every_day_with": list(side_tables)}


def metadata_to_load_side_tables(*side_tables: str) -> dict[str, list[str]]:
    """Return metadata for `dg.AssetIn` that makes the IO manager load a day with these side tables."""
    return {"with_side_tables": list(side_tables)}


# Metadata of an input or of an asset. If the input is missing or damaged, or the asset cannot be written because the
# disk is full, the step fails at once. Its retry policy is for other errors.
NO_RETRY: Mapping[str, bool] = {"never_tried_again": True}


class ParquetUPathIOManager(dg.UPathIOManager):
    """IO manager that stores a `pyarrow.Table`, or a finished Parquet file (`Path`) too large for memory, per day.

    Such a file of a partition must have its column `day` already. Side tables are stored in folders next to the asset's
    folder, as `<side table>/<day>.parquet`. They are stored before the main table, so that readers of the main table
    find them.
    """

    extension = ".parquet"

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Verify the schema of `obj`, a table or Parquet file with or without side tables, and store it at `path`."""
        main, side_tables = obj if isinstance(obj, WithSideTables) else (obj, {})
        name = context.asset_key.to_user_string()
        schema = pq.read_schema(main) if isinstance(main, Path) else main.schema
        table = tables.expected_schema(name, schema)
        day = parse_day(context.partition_key) if context.has_asset_partitions else None
        stored = table if day is None else tables.add_day_field(table)
        require_schema(schema, stored if isinstance(main, Path) else table, table=name)
        rows = pq.read_metadata(main).num_rows if isinstance(main, Path) else main.num_rows
        _store(main, side_tables, path, day)
        context.add_output_metadata(
            {
                f"dagster/{'partition_' if context.has_asset_partitions else ''}row_count": rows,
                "dagster/column_schema": build_column_schema(describe_columns(stored)),
                "size_bytes": path.stat().st_size,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Return the lazy dataset of an input, with its side tables if its metadata ask for them.

        Raises:
            Failure: Any error of this package, if the input's metadata has `NO_RETRY`.
        """
        with _failing_at_once(context.definition_metadata), reporting_progress(context.log.info):
            return super().load_input(context)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store the output of an asset as a Parquet file, and its side tables as further ones.

        Raises:
            Failure: Any error of this package, if the asset's metadata has `NO_RETRY`.
        """
        with _failing_at_once(context.definition_metadata), reporting_progress(context.log.info):
            super().handle_output(context, obj)

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pads.Dataset:
        """Return the lazy dataset of an asset without partitions.

        Raises:
            MissingPartitionError: It has not been materialized.
            StorageError: The file has changed since it was written.
        """
        return self._open(context, [find_table_of_all_days(context, path)])

    def load_partitions(self, context: dg.InputContext) -> pads.Dataset | DatasetWithSideTables:
        """Return the tables of one or more days as one lazy dataset, sorted by day.

        The schemas of side tables are not compared between days: their vectors may differ in width.

        Raises:
            StorageError: A file has changed since it was written.
        """
        paths = self._get_paths_for_partitions(context)
        metadata = context.definition_metadata or {}
        every_day = "every_day_with" in metadata
        days = find_existing_paths(context, paths) if every_day else find_window_paths(context, paths)
        side_tables = metadata.get("every_day_with" if every_day else "with_side_tables")
        if side_tables is None:
            return self._open(context, days)
        files_by_side = {side: find_side_tables(side, days) for side in side_tables}
        main = self._open(context, days)
        opened = {side: open_side_table(files, days) for side, files in files_by_side.items()}
        return DatasetWithSideTables(main, opened)

    def _open(self, context: dg.InputContext, paths: list[UPath]) -> pads.FileSystemDataset:
        name = context.asset_key.to_user_string()
        dataset, unverified, without_day, older = open_stored_tables(name, paths)
        if older:
            context.log.warning(
                "%d of %d files of %s were written before it had all of its columns, and are empty there: materialize "
                "their partitions again, the first is %s",
                len(older),
                len(paths),
                name,
                older[0].stem,
            )
        if unverified:
            context.log.warning(
                "%d of %d files of %s have no checksum, as those of version 0.1: damage to them would not be seen. "
                "Materialize their partitions again to have them verified",
                unverified,
                len(paths),
                name,
            )
        if without_day and context.has_asset_partitions:  # a table without partitions has its own column `day`, or none
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


class ParquetIOManager(dg.ConfigurableIOManagerFactory[ParquetUPathIOManager]):
    """Configures the IO manager for Parquet tables below `base`, a path or fsspec URL."""

    base: str

    def create_io_manager(self, context: dg.InitResourceContext) -> ParquetUPathIOManager:
        """Return the IO manager; nothing is written yet."""
        del context
        return ParquetUPathIOManager(UPath(self.base).absolute())


@contextmanager
def _failing_at_once(metadata: Mapping[str, Any] | None) -> Generator[None]:
    try:
        yield
    except PersonaAssetsError as error:
        if (metadata or {}).items() >= NO_RETRY.items():
            raise dg.Failure(str(error), allow_retries=False) from error
        raise


def _store(main: pa.Table | Path, side_tables: Mapping[str, pa.Table], path: UPath, day: dt.date | None) -> None:
    """Write all tables to temporary paths, then rename the side tables, and the main table last.

    A run that is killed between two renames leaves new side tables with an old main table. Readers detect that, because
    each side table has the digest of its main table.
    """
    with ExitStack() as replacements:  # renames in reverse order
        temporary = replacements.enter_context(replacing_file(path))
        _write(main, temporary, day)
        with temporary.open("rb") as file:
            digest = read_body_digest(file, name=path)
        for side, table in side_tables.items():
            if table.num_rows:
                metadata = {**(table.schema.metadata or {}), **({MAIN_TABLE_DIGEST: digest} if digest else {})}
                temporary = replacements.enter_context(replacing_file(side_table_path(path, side)))
                _write(table.replace_schema_metadata(metadata), temporary, day)
    for side, table in side_tables.items():
        remove_side_table(path, side, only_old_location=bool(table.num_rows))


def _write(table: pa.Table | Path, temporary: UPath, day: dt.date | None) -> None:
    if not isinstance(table, Path):
        with temporary.open("wb") as file:
            write_parquet(file, table.schema, [table], day_column=day)
    else:
        move_local_file(table, temporary)


def open_side_table(files: list[UPath], paths: list[UPath]) -> pads.FileSystemDataset:
    """Open a side table as one dataset; raise StorageError if a file has changed or is of another main table."""
    filesystem = arrow_filesystem(files[0].fs)
    for file, path in zip(files, paths, strict=True):
        _verify(file)
        belongs_to = (pq.read_schema(file.path, filesystem=filesystem).metadata or {}).get(MAIN_TABLE_DIGEST.encode())
        with path.open("rb") as main:
            if belongs_to and belongs_to.decode() != read_body_digest(main, name=path):
                raise StorageError(f"{file} belongs to another table than {path}: materialize this partition again")
    return _as_dataset(files, _read_schema(files[0], filesystem))


def open_stored_tables(table: str, paths: list[UPath]) -> tuple[pads.FileSystemDataset, int, list[UPath], list[UPath]]:
    """Verify Parquet files of one table, all before any work, and open them as one dataset.

    Returns:
        The dataset without the column `day`, the number of files without a checksum, the files without that column,
        and those without a column that was added later.
    """
    filesystem = arrow_filesystem(paths[0].fs)
    schema: pa.Schema | None = None
    unverified = 0
    without_day, older = list[UPath](), list[UPath]()
    for path in paths:
        unverified += not _verify(path)
        written = _read_schema(path, filesystem)
        found = add_later_columns(table, written)
        if len(found) > len(written):
            older.append(path)
        expected = tables.expected_schema(table, found)
        if found.equals(expected):
            without_day.append(path)
        else:
            require_schema(found, tables.add_day_field(expected), table=str(path))
        if schema is not None and not expected.equals(schema):
            raise SchemaError(
                f"{path}: its columns differ from those of {paths[0]} ({expected.field(-1)}, {schema.field(-1)}): "
                f"materialize {table} for all days of the window with the same settings"
            )
        schema = expected
    return _as_dataset(paths, schema), unverified, without_day, older


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
    """Verify a file against its checksum; return False if it has none.

    A local file is read completely, because DuckDB, which reads many of them, ignores page checksums. Of a remote file
    only the footer is verified here, as otherwise it would be fetched twice. pyarrow verifies its pages later.
    """
    with path.open("rb") as file:
        return verify_parquet(file, name=path, whole=is_local_path(path))


def _read_schema(path: UPath, filesystem: Any) -> pa.Schema:
    try:
        return pq.read_schema(path.path, filesystem=filesystem).remove_metadata()
    except (ConnectionError, TimeoutError):
        raise  # the network failed, the file may be good
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{path} is not a whole Parquet file: materialize this partition again") from error
