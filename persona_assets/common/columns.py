"""Describe the columns of Arrow schemas, and compare schemas.

The description of a column is metadata of its Arrow field, so every Parquet file has it:
`pq.read_schema(file).field("user_id").metadata[b"description"]`.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.types as pat

from persona_assets.errors import SchemaError

_DESCRIPTION = b"description"
# Columns with this suffix hold times: `int64` microseconds of the Unix epoch.
_TIME_SUFFIX = "_us"
# Words for types; the first test that is true counts.
_TYPE_WORDS = (
    (pat.is_dictionary, "text, one of a few"),
    (pat.is_string, "text"),
    (pat.is_boolean, "true or false"),
    (pat.is_integer, "whole number"),
    (pat.is_floating, "number"),
    (pat.is_date, "day"),
    (pat.is_timestamp, "time (UTC)"),
    (pat.is_struct, "object"),
    (pat.is_binary, "bytes"),
)


class ColumnDescription(NamedTuple):
    """Name, type, description and nullability of a column, in words for people."""

    name: str
    kind: str  # the type in words, as `type_in_plain_words` returns it
    description: str | None
    nullable: bool = True


def column(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """Return a nullable Arrow field with a description."""
    return pa.field(name, kind, metadata={_DESCRIPTION: description})


def required_column(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """Return a non-nullable Arrow field with a description."""
    return pa.field(name, kind, nullable=False, metadata={_DESCRIPTION: description})


def read_description(field: pa.Field) -> str | None:
    """Return the description of a column, or None if it has none, as in files of version 0.1."""
    description = (field.metadata or {}).get(_DESCRIPTION)
    return None if description is None else description.decode()


def describe_columns(schema: pa.Schema) -> list[ColumnDescription]:
    """Return a `ColumnDescription` for each column of a schema, in its order."""
    return [
        ColumnDescription(field.name, type_in_plain_words(field), read_description(field), nullable=field.nullable)
        for field in schema
    ]


def type_in_plain_words(field: pa.Field) -> str:
    """Return the type of a column in plain words, without nullability, such as "list of text".

    Raises:
        ValueError: The type has no entry in `_TYPE_WORDS`.
    """
    if field.name.endswith(_TIME_SUFFIX) and pat.is_integer(field.type):
        return "time in microseconds (UTC)"
    return _words_of_type(field.type)


def _words_of_type(kind: pa.DataType) -> str:
    if pat.is_fixed_size_list(kind):
        return f"vector of {kind.list_size} {_plural(_words_of_type(kind.value_type))}"
    if pat.is_list(kind):
        return f"list of {_plural(_words_of_type(kind.value_type))}"
    for is_type, words in _TYPE_WORDS:
        if is_type(kind):
            return words
    raise ValueError(f"no words are known for the type {kind}: add them to common/columns.py")


def _plural(words: str) -> str:
    return (
        words.replace("list of", "lists of", 1)
        if words.startswith("list")
        else words.replace("number", "numbers").replace("object", "objects")
    )


def require_schema(found: pa.Schema, expected: pa.Schema, *, table: str) -> None:
    """Raise `SchemaError` unless two schemas have the same column names, order, types and nullability.

    Metadata is not compared.

    Raises:
        SchemaError: Names the table and each column that differs.
    """
    if found.equals(expected, check_metadata=False):
        return
    actual, required = [_name_field(field) for field in found], [_name_field(field) for field in expected]
    missing = [field for field in required if field not in actual]
    surplus = [field for field in actual if field not in required]
    raise SchemaError(
        f"{table}: the table does not match its schema in tables.py; missing or other: {missing}; "
        f"not expected: {surplus}" + ("" if missing or surplus else "; the order of columns differs")
    )


def _name_field(field: pa.Field) -> str:
    return f"{field.name}: {field.type}{'' if field.nullable else ' not null'}"
