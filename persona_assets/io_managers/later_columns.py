"""Columns that a table got after files of it had been written: those files are read as if the columns were empty."""

import pyarrow as pa

from persona_assets import tables

_ADDED = {"raw_events": ("self_labels", "preference_json")}


def add_later_columns(table: str, found: pa.Schema) -> pa.Schema:
    """Add to the schema of a file the columns that newer versions of `table` have; they are read as null."""
    for name in _ADDED.get(table, ()):
        if name not in found.names:
            expected = tables.expected_schema(table, found)
            at = expected.get_field_index(name)
            found = found.insert(at, expected.field(at))
    return found
