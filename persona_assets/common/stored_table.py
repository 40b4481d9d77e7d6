"""Describe a table that an asset stores and that users can open."""

from typing import NamedTuple

import pyarrow as pa

from persona_assets import tables

# Widths of vectors are the model's: descriptions show those of the default model.
DIMENSIONS = 384


class StoredTable(NamedTuple):
    """A table that users can open."""

    name: str
    files: str  # below PERSONA_DATA
    row: str  # what one row is
    schema: pa.Schema

    @property
    def stored_schema(self) -> pa.Schema:
        """What is in a file: the columns, and the day that the file is of, but in a table over all days."""
        return tables.stored_schema(self.schema) if "<day>" in self.files else self.schema
