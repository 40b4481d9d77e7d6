"""Tables as one Parquet file a day: `<data>/<asset>/<day>.parquet`, read back as one lazy dataset."""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.errors import MissingPartitionError
from persona_assets.parquet_files import write_parquet


class WithSides(NamedTuple):
    """A table and smaller ones that belong to it, such as clusters and their centres."""

    main: pa.Table | Path
    sides: Mapping[str, pa.Table]


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
        found = main.schema if isinstance(main, pa.Table) else pq.read_schema(main)
        name = context.asset_key.to_user_string()
        tables.require_schema(found, tables.expected_schema(name, found), table=name)
        for side, table in sides.items():
            self._write(table, path.parent / f"_{side}" / path.name)
        self._write(main, path)
        rows = main.num_rows if isinstance(main, pa.Table) else pq.read_metadata(str(path), filesystem=self._arrow_fs()).num_rows
        context.add_output_metadata(
            {
                "dagster/partition_row_count": rows,
                "dagster/column_schema": dg.TableSchema([dg.TableColumn(f.name, str(f.type)) for f in found]),
                "size_bytes": self.fs.size(str(path)),
            }
        )
