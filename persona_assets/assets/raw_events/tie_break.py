"""Sort keys and equality for events of the same time, over all columns."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# "\0" marks the end of an item. These escapes keep it below every character, and keep the order of the two characters.
_ESCAPES = str.maketrans({"\0": "\1\1", "\1": "\1\2"})


def make_sort_keys(table: pa.Table) -> pa.Table:
    """Convert the columns of `tables.RAW_EVENTS` to types that pyarrow can sort, in the same order.

    Dictionaries become strings, lists become strings that sort item by item, booleans become integers.
    """
    return pa.table([_sortable(column) for column in table.columns], names=table.column_names)


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_list(column.type):
        return pa.chunked_array([pa.array([_list_key(values) for values in column.to_pylist()], pa.string())])
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    return column


def _list_key(values: list[str] | None) -> str | None:
    """Return a string that sorts as the list does, item by item."""
    return None if values is None else "".join(value.translate(_ESCAPES) + "\0" for value in values)


def count_repeated_rows(keys: pa.Table) -> int:
    """Count the rows of a sorted table that equal the row before them in all columns; nulls are equal."""
    same = np.ones(max(len(keys) - 1, 0), dtype=bool)
    for column in keys.combine_chunks().columns:
        values = column.chunk(0)
        equal = pc.fill_null(pc.equal(values[1:], values[:-1]), fill_value=False)
        both_null = pc.and_(pc.is_null(values[1:]), pc.is_null(values[:-1]))
        same &= pc.or_(equal, both_null).to_numpy(zero_copy_only=False)
    return int(same.sum())
