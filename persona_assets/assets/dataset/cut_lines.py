"""Count the lines that would be whole, with all of their users in one split, for each split that a user could have.

Lines are rows of sparse matrices, whose products with the users of a split are the counts. Nearly all lines have one
user or two; those of the same users and persona are one row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.line_graph import USER, LineGraph
from persona_assets.assets.dataset.stratify import N_SPLITS, SplitNumbers

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_PAIR = 2


class CutLines(NamedTuple):
    """The lines whose users may move, by their number of users. Users are nodes of the graph."""

    lines: Int32Array  # for each user of each line: the line's row in `personas`
    nodes: Int32Array  # for each user of each line
    personas: Int32Array  # of each line, from 0
    # The lines that can be kept.
    few: _Few  # of one user or two
    many: _Many  # of three users or more

    @property
    def n_lines(self) -> int:
        """The number of lines."""
        return len(self.personas)

    @property
    def n_users(self) -> int:
        """One more than the greatest user: users have the first numbers of all nodes."""
        return int(self.nodes.max(initial=-1)) + 1

    @property
    def n_personas(self) -> int:
        """The number of personas."""
        return int(self.personas.max(initial=-1)) + 1


class _Few(NamedTuple):
    """Lines of one user or two, by their first user and persona: a row for each pair of these."""

    nodes: Int32Array  # (n_rows,) the first user
    personas: Int32Array  # (n_rows,)
    # By the split that lines can be kept in; without periods, the same for all.
    alone: list[Int32Array]  # (n_rows,) number of lines without another user
    pairs: list[Any]  # (n_rows, n_users), sparse: number of lines with each other user
    by_other: list[Any]  # transposed


class _Many(NamedTuple):
    """Lines of three users or more, each a row."""

    n_users: Int32Array
    personas: Int32Array
    periods: SplitNumbers | None  # the only split in which a line can be kept; None: in any
    users: Any  # (n_rows, n_users), sparse: 1 for each of its users
    by_user: Any  # transposed


class LineCounts(NamedTuple):
    """The number of lines that are whole, and that could be."""

    whole: Int64Array  # (n_personas, 3), the lines of each persona that can be kept in each split
    worth: Int64Array  # (n_users, 3), the lines of each user that would be whole if it were in that split


def select_cut_lines(
    graph: LineGraph, is_movable: npt.NDArray[np.bool_], periods: SplitNumbers | None = None
) -> CutLines:
    """Return the lines that have users who may move.

    Args:
        graph: The lines and their nodes.
        is_movable: bool `(n_nodes,)`. All users of a line are in one component, so that all may move or none.
        periods: int8 `(n_lines,)`: the only split in which each line can be kept, or -1 for none; None: in any.
    """
    is_cut = is_movable[graph.anchors] & (graph.kinds[graph.anchors] == USER)
    rows = (np.cumsum(is_cut) - 1).astype(np.int32)
    incidences = is_cut[graph.lines] & (graph.kinds[graph.nodes] == USER)
    lines, nodes = rows[graph.lines[incidences]], graph.nodes[incidences]
    personas = np.unique(graph.personas[is_cut], return_inverse=True)[1].astype(np.int32)
    periods = None if periods is None else periods[is_cut]
    by_line, sizes = nodes[np.argsort(lines, kind="stable")], np.bincount(lines, minlength=len(personas))
    starts = np.cumsum(sizes) - sizes
    # What is in no period is whole nowhere.
    counted = sizes if periods is None else np.where(periods >= 0, sizes, 0)
    few, many = np.flatnonzero((counted > 0) & (counted <= _PAIR)), counted > _PAIR
    first = by_line[starts[few]]
    # The second user of a line, or its only one.
    second = by_line[starts[few] + counted[few] - 1]
    n_users = int(nodes.max(initial=-1)) + 1
    of_few, of_many = (None if periods is None else periods[chosen] for chosen in (few, many))
    return CutLines(
        lines,
        nodes,
        personas,
        _group_few(first, second, personas[few], of_few, n_users),
        _list_many(by_line[np.repeat(many, sizes)], sizes[many], personas[many], of_many, n_users),
    )


def _group_few(
    first: Int32Array, second: Int32Array, personas: Int32Array, periods: SplitNumbers | None, n_users: int
) -> _Few:
    from scipy.sparse import csr_array  # noqa: PLC0415 - 0.1 s to import

    n_personas = int(personas.max(initial=0)) + 1
    pairs, rows = np.unique(first * np.int64(n_personas) + personas, return_inverse=True)
    alone: list[Int32Array] = []
    matrices: list[Any] = []
    for split in range(N_SPLITS if periods is not None else 1):
        can_be = np.full(len(first), fill_value=True) if periods is None else periods == split
        is_alone = can_be & (first == second)
        alone.append(np.bincount(rows[is_alone], minlength=len(pairs)).astype(np.int32))
        chosen = can_be & ~is_alone
        ones = np.ones(int(chosen.sum()), np.int32)
        matrices.append(csr_array((ones, (rows[chosen], second[chosen])), shape=(len(pairs), n_users)))
    repeats = N_SPLITS // len(alone)
    return _Few(
        (pairs // n_personas).astype(np.int32),
        (pairs % n_personas).astype(np.int32),
        alone * repeats,
        matrices * repeats,
        [matrix.T.tocsr() for matrix in matrices] * repeats,
    )


def _list_many(
    nodes: Int32Array, sizes: Int64Array, personas: Int32Array, periods: SplitNumbers | None, n_users: int
) -> _Many:
    from scipy.sparse import csr_array  # noqa: PLC0415 - 0.1 s to import

    starts = np.append(0, np.cumsum(sizes))
    users = csr_array((np.ones(len(nodes), np.int32), nodes, starts), shape=(len(sizes), n_users))
    return _Many(sizes.astype(np.int32), personas, periods, users, users.T.tocsr())


def count_lines(cut: CutLines, splits: SplitNumbers) -> LineCounts:
    """Count the lines of each persona that are whole, and those of each user that would be, by split.

    Args:
        cut: The lines.
        splits: int8 `(n_nodes,)`, the split of each node.
    """
    n_users = cut.n_users
    whole, worth = np.zeros((cut.n_personas, N_SPLITS), np.int64), np.zeros((n_users, N_SPLITS), np.int64)
    for split in range(N_SPLITS):
        is_there = splits[:n_users] == split
        _add_few(cut.few, split, is_there, whole, worth)
        _add_many(cut.many, split, is_there, whole, worth)
    return LineCounts(whole, worth)


def _add_few(few: _Few, split: int, is_there: npt.NDArray[np.bool_], whole: Int64Array, worth: Int64Array) -> None:
    """Add the lines of one user or two that are whole in a split, or would be."""
    others_agree = few.pairs[split] @ is_there.astype(np.int32) + few.alone[split]
    agrees = is_there[few.nodes]
    whole[:, split] += np.bincount(few.personas[agrees], others_agree[agrees], len(whole)).astype(np.int64)
    worth[:, split] += np.bincount(few.nodes, others_agree, len(worth)).astype(np.int64)
    worth[:, split] += few.by_other[split] @ agrees.astype(np.int32)


def _add_many(many: _Many, split: int, is_there: npt.NDArray[np.bool_], whole: Int64Array, worth: Int64Array) -> None:
    """Add the lines of three users or more that are whole in a split, or would be."""
    lacking = many.n_users - many.users @ is_there.astype(np.int32)
    can_be = np.full(len(lacking), fill_value=True) if many.periods is None else many.periods == split
    is_whole = can_be & (lacking == 0)
    whole[:, split] += np.bincount(many.personas[is_whole], minlength=len(whole))
    # Of a line that lacks one user, that one alone has something to gain.
    lacks_one = can_be & (lacking == 1)
    worth[:, split] += many.by_user @ is_whole.astype(np.int32)
    worth[:, split] += np.where(is_there, 0, many.by_user @ lacks_one.astype(np.int32))
