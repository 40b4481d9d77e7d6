"""Columns of Arrow schemas: with a description, in words, and compared.

The description lies in the field's metadata, so that it is in every Parquet file too:
`pq.read_schema(file).field("user_id").metadata[b"description"]`.
"""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.types as pat

from persona_assets.errors import SchemaError

_DESCRIPTION = b"description"
# A column whose name ends with it holds times: `int64` microseconds of the Unix epoch.
_TIME_SUFFIX = "_us"
# The first that holds names a type.
_IN_WORDS = (
    (pat.is_dictionary, "text, one of a few"),
    (pat.is_string, "text"),
    (pat.is_boolean, "true or false"),
    (pat.is_integer, "whole number"),
    (pat.is_floating, "number"),
    (pat.is_date, "day"),
    (pat.is_binary, "bytes"),
)


class ColumnInWords(NamedTuple):
    """A column as it is shown to people."""

    name: str
    kind: str  # its type
    description: str | None
    nullable: bool = True


def column(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """Return a described column that may hold nulls."""
    return pa.field(name, kind, metadata={_DESCRIPTION: description})


def required_column(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """Return a described column without nulls."""
    return pa.field(name, kind, nullable=False, metadata={_DESCRIPTION: description})


def description_of(field: pa.Field) -> str | None:
    """Return what a column holds; None where it does not say, as in files of version 0.1."""
    description = (field.metadata or {}).get(_DESCRIPTION)
    return None if description is None else description.decode()


def describe_columns(schema: pa.Schema) -> list[ColumnInWords]:
    """Return the columns of a schema in words, in their order."""
    return [
        ColumnInWords(field.name, type_in_words(field), description_of(field), nullable=field.nullable)
        for field in schema
    ]


def type_in_words(field: pa.Field) -> str:
    """Return the type of a column for readers who know no Arrow: "list of text", "vector of 384 numbers".

    Raises:
        ValueError: No word is known for it.
    """
    if field.name.endswith(_TIME_SUFFIX) and pat.is_integer(field.type):
        return "time in microseconds (UTC)"
    return _name(field.type)


def _name(kind: pa.DataType) -> str:
    if pat.is_fixed_size_list(kind):
        return f"vector of {kind.list_size} {_plural(_name(kind.value_type))}"
    if pat.is_list(kind):
        return f"list of {_plural(_name(kind.value_type))}"
    for holds, words in _IN_WORDS:
        if holds(kind):
            return words
    raise ValueError(f"no words are known for the type {kind}: add them to common/columns.py")


def _plural(words: str) -> str:
    return words.replace("list of", "lists of", 1) if words.startswith("list") else words.replace("number", "numbers")


def require_schema(found: pa.Schema, expected: pa.Schema, *, table: str) -> None:
    """Refuse a schema that differs from what its asset promises, in names, order, types or nullability.

    Raises:
        SchemaError: Names the table and each column that differs.
    """
    if found.equals(expected, check_metadata=False):
        return
    there, wanted = [_name_field(field) for field in found], [_name_field(field) for field in expected]
    missing = [field for field in wanted if field not in there]
    surplus = [field for field in there if field not in wanted]
    raise SchemaError(
        f"{table}: the table does not match its schema in tables.py; missing or other: {missing}; "
        f"not expected: {surplus}" + ("" if missing or surplus else "; the order of columns differs")
    )


def _name_field(field: pa.Field) -> str:
    return f"{field.name}: {field.type}{'' if field.nullable else ' not null'}"
