"""Tables as one Parquet file a day: `<data>/<asset>/<day>.parquet`, read back as one lazy dataset."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.errors import PersonaAssetsError, SchemaError, StorageError
from persona_assets.io_managers.storage import arrow_filesystem, is_local, replacing_file
from persona_assets.io_managers.windows import days_made, days_present
from persona_assets.parquet_files import write_parquet


class WithSides(NamedTuple):
    """A table and smaller ones that belong to it, such as clusters and their centres."""

    main: pa.Table | Path
    sides: Mapping[str, pa.Table]


class DatasetWithSides(NamedTuple):
    """What an input with `metadata=every_day_with(...)` is loaded as: a file a day in each, in their order."""

    main: pads.FileSystemDataset
    sides: Mapping[str, pads.FileSystemDataset]


def every_day_with(*sides: str) -> dict[str, list[str]]:
    """Return the metadata of a `dagster.AssetIn` that reads whatever days are there, and these side tables of them."""
    return {"every_day_with": list(sides)}


# Metadata of an input: where it is missing or damaged, a step that is tried again on other trouble is not.
NEVER_TRIED_AGAIN: Mapping[str, bool] = {"never_tried_again": True}


class ParquetDatasets(dg.UPathIOManager):
    """Store a `pyarrow.Table`, or a finished Parquet file (`Path`) when the table is too large to hold.

    A side table goes to `<asset>/_<side>/<day>.parquet`: pyarrow and Spark pass by names that start with an
    underscore, so that the asset's folder still reads as one table. Sides are in place before the main table
    is: who sees the table finds them.
    """

    extension = ".parquet"

    def dump_to_path(self, context: dg.OutputContext, obj: Any, path: UPath) -> None:
        """Check the schema, write under a temporary name in the same folder, then rename."""
        main, sides = obj if isinstance(obj, WithSides) else (obj, {})
        name = context.asset_key.to_user_string()
        schema = pq.read_schema(main) if isinstance(main, Path) else main.schema
        tables.require_schema(schema, tables.expected_schema(name, schema), table=name)
        rows = pq.read_metadata(main).num_rows if isinstance(main, Path) else main.num_rows
        for side, table in sides.items():
            _put(table, _side_path(path, side))
        _put(main, path)
        columns = [dg.TableColumn(field.name, str(field.type)) for field in schema]
        context.add_output_metadata(
            {
                f"dagster/{'partition_' if context.has_asset_partitions else ''}row_count": rows,
                "dagster/column_schema": dg.TableSchema(columns),
                "size_bytes": path.stat().st_size,
            }
        )

    def load_input(self, context: dg.InputContext) -> Any:
        """Return what the input asks for.

        Raises:
            Failure: Instead of an error of ours, for an input that is `NEVER_TRIED_AGAIN`.
        """
        try:
            return super().load_input(context)
        except PersonaAssetsError as error:
            if (context.definition_metadata or {}).items() >= NEVER_TRIED_AGAIN.items():
                raise dg.Failure(str(error), allow_retries=False) from error
            raise

    def load_from_path(self, context: dg.InputContext, path: UPath) -> pads.Dataset:
        """Return the table of one day, lazily."""
        return _open_dataset(context.asset_key.to_user_string(), [path])

    def load_partitions(self, context: dg.InputContext) -> pads.Dataset | DatasetWithSides:
        """Return the tables of one or more days as one lazy dataset, in the order of the days.

        Side tables are not checked: days may differ in the width of their vectors.
        """
        name, paths = context.asset_key.to_user_string(), self._get_paths_for_partitions(context)
        sides = (context.definition_metadata or {}).get("every_day_with")
        if sides is None:
            return _open_dataset(name, days_present(context, paths))
        days = days_made(context, paths)
        return DatasetWithSides(_open_dataset(name, days), {side: _open_side(side, days) for side in sides})


class ParquetIOManager(dg.ConfigurableIOManagerFactory[ParquetDatasets]):
    """Parquet files below `base` (a path or fsspec URL)."""

    base: str

    def create_io_manager(self, context: dg.InitResourceContext) -> ParquetDatasets:
        """Open the place; nothing is written yet."""
        del context
        return ParquetDatasets(UPath(self.base).absolute())


def _put(table: pa.Table | Path, path: UPath) -> None:
    with replacing_file(path) as temporary:
        if not isinstance(table, Path):
            with temporary.open("wb") as file:
                write_parquet(file, table.schema, [table])
        elif is_local(path):
            shutil.move(table, temporary.path)  # a rename where scratch is on the same disk
        else:
            path.fs.put_file(str(table), temporary.path)


def _side_path(path: UPath, side: str) -> UPath:
    return path.parent / f"_{side}" / path.name


def _open_side(side: str, paths: list[UPath]) -> pads.FileSystemDataset:
    filesystem = arrow_filesystem(paths[0].fs)
    files = [_side_path(path, side) for path in paths]
    for path, file in zip(paths, files, strict=True):
        if not file.exists():
            raise StorageError(f"{file} is not there, and it belongs to {path}: materialize this partition again")
    return pads.FileSystemDataset.from_paths(
        [file.path for file in files],
        schema=_read_schema(files[0], filesystem),
        format=pads.ParquetFileFormat(),
        filesystem=filesystem,
    )


def _open_dataset(table: str, paths: list[UPath]) -> pads.FileSystemDataset:
    """Open files as one dataset after a look at each footer, so that a bad day is named before any work."""
    filesystem = arrow_filesystem(paths[0].fs)
    schema: pa.Schema | None = None
    for path in paths:
        found = _read_schema(path, filesystem)
        tables.require_schema(found, tables.expected_schema(table, found), table=str(path))
        if schema is not None and not found.equals(schema):
            raise SchemaError(
                f"{path}: its columns differ from those of {paths[0]} ({found.field(-1)}, {schema.field(-1)}): "
                f"materialize {table} for all days of the window with the same settings"
            )
        schema = found
    return pads.FileSystemDataset.from_paths(
        [path.path for path in paths], schema=schema, format=pads.ParquetFileFormat(), filesystem=filesystem
    )


def _read_schema(path: UPath, filesystem: Any) -> pa.Schema:
    try:
        return pq.read_schema(path.path, filesystem=filesystem).remove_metadata()
    except pa.ArrowInvalid as error:
        raise StorageError(f"{path} is not a whole Parquet file: materialize this partition again") from error
