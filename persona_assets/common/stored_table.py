"""Description of a stored table, for the reference pages and for tests."""

from typing import NamedTuple

import pyarrow as pa

from persona_assets import tables

# Number of dimensions of the default embedding model; the reference pages show vector columns of this width.
DIMENSIONS = 384


class StoredTable(NamedTuple):
    """Description of a stored table: name, its files, what one row is, and the schema."""

    name: str
    files: str  # path below PERSONA_DATA, with <day> if there is one file per day
    row: str  # what one row is, in words
    schema: pa.Schema

    @property
    def stored_schema(self) -> pa.Schema:
        """Schema of the files: `schema`, and the column `day` if there is one file per day and it lacks one."""
        has_day = "<day>" not in self.files or tables.DAY.name in self.schema.names
        return self.schema if has_day else tables.add_day_field(self.schema)
