"""Compare events of one instant by all their columns."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# No character is less than an item's end, and these two sort as they did.
_ESCAPES = str.maketrans({"\0": "\1\1", "\1": "\1\2"})


def make_sort_keys(table: pa.Table) -> pa.Table:
    """Return columns that sort as those of `tables.RAW_EVENTS` do, nulls last."""
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
    """Return a text that sorts as the list does, item by item: the end of an item comes before any character."""
    return None if values is None else "".join(value.translate(_ESCAPES) + "\0" for value in values)


def count_repeated(keys: pa.Table) -> int:
    """Count the rows of a sorted table that are the same as the one before them, two nulls being the same."""
    same = np.ones(max(len(keys) - 1, 0), dtype=bool)
    for column in keys.combine_chunks().columns:
        values = column.chunk(0)
        equal = pc.fill_null(pc.equal(values[1:], values[:-1]), fill_value=False)
        both_null = pc.and_(pc.is_null(values[1:]), pc.is_null(values[:-1]))
        same &= pc.or_(equal, both_null).to_numpy(zero_copy_only=False)
    return int(same.sum())
