"""Remove lines from the index of `cluster_jsonl`, so that it is the index of the lines that remain.

The index has the place of each line in the file of its cluster, and a number for each message that lines show. Both are
counted anew, as readers need them without gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.errors import ForgettingError
from persona_assets.forgetting.proof import FileChange
from persona_assets.forgetting.stored_files import StoredFile
from persona_assets.forgetting.table_files import rewrite_table
from persona_assets.forgotten_accounts.accounts import Accounts, Mask
from persona_assets.forgotten_accounts.rows import RemainingRows

Int64Array = npt.NDArray[np.int64]
NO_LINES: Int64Array = np.empty(0, np.int64)


class LineIndexFiles(NamedTuple):
    """The two files of the index."""

    lines: StoredFile
    messages: StoredFile


class RemovedLines(NamedTuple):
    """Lines that were removed from the file of one cluster."""

    n_before: int  # lines of the file before
    places: Int64Array  # (n_removed,) ascending


def find_index_files(files: Sequence[StoredFile]) -> LineIndexFiles | None:
    """Return the index among the files of a folder; None without one, as in a folder of an earlier version."""
    by_name = {file.path.name: file for file in files}
    lines, messages = (by_name.get(f"{name}.parquet") for name in LINE_TABLES)
    return None if lines is None or messages is None else LineIndexFiles(lines, messages)


def find_named_lines(index: LineIndexFiles, accounts: Accounts) -> dict[int, Int64Array]:
    """Return the places of lines whose records name an account, ascending, by cluster.

    These are nearly always the lines whose JSON names it. But anybody may choose the key of a record, and put the id of
    another account there. Lines do not show keys.
    """
    is_named = _find_named_messages(index.messages, accounts)
    places: dict[int, list[Int64Array]] = {}
    for lines in _read_groups(index.lines, ["cluster_id", "line_number", "user_id", "uri", "text", "messages"]):
        names_account = np.logical_or.reduce(
            [accounts.find(lines[name].combine_chunks()) for name in ("user_id", "uri", "text")]
        )
        rows, messages = _list_messages(lines)
        names_account[rows[is_named[messages]]] = True
        named = lines.filter(pa.array(names_account))
        clusters, numbers = named["cluster_id"].to_numpy(), named["line_number"].to_numpy()
        for cluster in np.unique(clusters).tolist():
            places.setdefault(cluster, []).append(numbers[clusters == cluster])
    return {cluster: np.sort(np.concatenate(parts)) for cluster, parts in places.items()}


def write_index_without(
    index: LineIndexFiles, folder: UPath, removed: Mapping[int, RemovedLines], accounts: Accounts
) -> list[FileChange]:
    """Write the index without some lines, and without the messages that no other line shows; return the changes.

    The file of messages is not written if all of them are still shown.

    Memory: 5 bytes for each message, and a row group.

    Args:
        index: The files.
        folder: Where files of the same names are written.
        removed: By cluster; clusters that are not named keep all lines.
        accounts: Whose rows are counted as their own, and who is removed from the metadata.

    Raises:
        ForgettingError: The index is not that of the lines.
        StorageError: A file is damaged.
    """
    is_shown = _find_shown_messages(index, removed)
    numbers = np.cumsum(is_shown, dtype=np.int32) - 1

    def keep_lines(lines: pa.Table) -> RemainingRows:
        kept = lines.filter(pa.array(~_find_removed(lines, removed)))
        rows, messages = _list_messages(kept)
        offsets = np.append(0, np.cumsum(np.bincount(rows, minlength=len(kept)))).astype(np.int32)
        columns = {
            "line_number": pa.array(_number_again(kept, removed)),
            "messages": pa.ListArray.from_arrays(offsets, pa.array(numbers[messages])),
        }
        return _count(lines, _replace(kept, columns), accounts.find(lines["user_id"].combine_chunks()))

    def keep_messages(messages: pa.Table) -> RemainingRows:
        kept = messages.filter(pa.array(is_shown[messages["message"].to_numpy()]))
        columns = {"message": pa.array(numbers[kept["message"].to_numpy()])}
        return _count(messages, _replace(kept, columns), accounts.find(messages["uri"].combine_chunks()))

    changes = [rewrite_table(index.lines, folder / index.lines.path.name, accounts, keep_rows=keep_lines)]
    if not is_shown.all():
        where = folder / index.messages.path.name
        changes.append(rewrite_table(index.messages, where, accounts, keep_rows=keep_messages))
    return changes


def _find_named_messages(messages: StoredFile, accounts: Accounts) -> Mask:
    named = [accounts.find(group["uri"].combine_chunks()) for group in _read_groups(messages, ["uri"])]
    return np.concatenate([np.zeros(0, np.bool_), *named])


def _find_shown_messages(index: LineIndexFiles, removed: Mapping[int, RemovedLines]) -> Mask:
    """Return which messages the lines that remain show: bool `(n_messages,)`."""
    with index.messages.path.open("rb") as opened:
        is_shown = np.zeros(pq.ParquetFile(opened).metadata.num_rows, np.bool_)
    lines_of = dict.fromkeys(removed, 0)
    for lines in _read_groups(index.lines, ["cluster_id", "line_number", "messages"]):
        for cluster, count in zip(*np.unique(lines["cluster_id"].to_numpy(), return_counts=True), strict=True):
            lines_of[cluster] = lines_of.get(cluster, 0) + count
        _, messages = _list_messages(lines.filter(pa.array(~_find_removed(lines, removed))))
        is_shown[messages] = True
    if any(lines_of[cluster] != one.n_before for cluster, one in removed.items()):
        raise ForgettingError(
            f"{index.lines.name} is not the index of the lines beside it: delete this folder, run this again, and "
            "materialize cluster_jsonl of the day"
        )
    return is_shown


def _read_groups(file: StoredFile, columns: list[str]) -> Iterator[pa.Table]:
    with file.path.open("rb") as opened:
        table = pq.ParquetFile(opened)
        for number in range(table.num_row_groups):
            yield table.read_row_group(number, columns=columns)


def _list_messages(lines: pa.Table) -> tuple[Int64Array, npt.NDArray[np.int32]]:
    """Return the row of each message that lines show, and its number."""
    lists = lines["messages"].combine_chunks()
    return pc.list_parent_indices(lists).to_numpy().astype(np.int64), lists.flatten().to_numpy()


def _find_removed(lines: pa.Table, removed: Mapping[int, RemovedLines]) -> Mask:
    clusters, numbers = lines["cluster_id"].to_numpy(), lines["line_number"].to_numpy()
    is_removed = np.zeros(len(lines), np.bool_)
    for cluster in np.unique(clusters).tolist():
        if cluster in removed:
            of_cluster = clusters == cluster
            is_removed[of_cluster] = np.isin(numbers[of_cluster], removed[cluster].places)
    return is_removed


def _number_again(lines: pa.Table, removed: Mapping[int, RemovedLines]) -> Int64Array:
    """Return the place of each remaining line in its file: int64 `(n,)`."""
    clusters, numbers = lines["cluster_id"].to_numpy(), lines["line_number"].to_numpy().copy()
    for cluster in np.unique(clusters).tolist():
        if cluster in removed:
            of_cluster = clusters == cluster
            numbers[of_cluster] -= np.searchsorted(removed[cluster].places, numbers[of_cluster])
    return numbers


def _replace(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, values.cast(field.type))
    return table


def _count(before: pa.Table, after: pa.Table, is_own: Mask) -> RemainingRows:
    """Return the rows that remain, with counts: own rows, and other removed ones, which are about the accounts."""
    own = int(is_own.sum())
    return RemainingRows(after, own, len(before) - len(after) - own, 0)
