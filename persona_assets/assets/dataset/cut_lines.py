"""Count the lines that would be whole, with all of their users in one split, for each split that a user could have.

Nearly all lines have one user or two. Those are counted by one pass over pairs of users; only lines of three users or
more need the number of their users in each split.
"""

from __future__ import annotations

from typing import NamedTuple

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
    alone: _Rows  # of one user
    pairs: _Rows  # of two users, each line twice: once with each user first
    others: Int32Array  # of each row of `pairs`, the other user
    many: _Many

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


class _Rows(NamedTuple):
    """A user of a line, and what is known of the line."""

    nodes: Int32Array
    personas: Int32Array
    periods: SplitNumbers | None  # the only split in which it can be kept; None: in any


class _Many(NamedTuple):
    """Lines of three users or more, their users end to end."""

    nodes: Int32Array
    lines: Int64Array  # of each user, the line's row in the arrays below
    n_users: Int64Array
    personas: Int32Array
    periods: SplitNumbers | None


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

    def describe(chosen: Int64Array, users: Int32Array) -> _Rows:
        return _Rows(users, personas[chosen], None if periods is None else periods[chosen])

    alone, pairs = np.flatnonzero(counted == 1), np.flatnonzero(counted == _PAIR)
    first, second = by_line[starts[pairs]], by_line[starts[pairs] + 1]
    many = np.flatnonzero(counted > _PAIR)
    return CutLines(
        lines,
        nodes,
        personas,
        describe(alone, by_line[starts[alone]]),
        describe(np.append(pairs, pairs), np.append(first, second)),
        np.append(second, first),
        _Many(
            by_line[np.repeat(counted > _PAIR, sizes)],
            np.repeat(np.arange(len(many)), sizes[many]),
            sizes[many],
            *describe(many, by_line)[1:],
        ),
    )


def count_whole(cut: CutLines, splits: SplitNumbers) -> Int64Array:
    """Return the number of lines of each persona that can be kept in each split, int64 `(n_personas, 3)`.

    Args:
        cut: The lines.
        splits: int8 `(n_nodes,)`, the split of each node.
    """
    size = cut.n_personas * N_SPLITS
    whole = _count(cut.alone.personas, splits[cut.alone.nodes], cut.alone.periods, size)
    once = slice(len(cut.others) // 2)
    of_pairs = splits[cut.pairs.nodes[once]]
    agrees = of_pairs == splits[cut.others[once]]
    periods = None if cut.pairs.periods is None else cut.pairs.periods[once][agrees]
    whole += _count(cut.pairs.personas[once][agrees], of_pairs[agrees], periods, size)
    counts = _count_users(cut.many, splits)
    for split in range(N_SPLITS):
        is_whole = counts[:, split] == cut.many.n_users
        if cut.many.periods is not None:
            is_whole &= cut.many.periods == split
        whole[split::N_SPLITS] += np.bincount(cut.many.personas[is_whole], minlength=cut.n_personas)
    return whole.reshape(-1, N_SPLITS)


def count_worth(cut: CutLines, splits: SplitNumbers) -> Int64Array:
    """Return for each user and split the number of its lines that would be whole if it were there, `(n_users, 3)`.

    Args:
        cut: The lines.
        splits: int8 `(n_nodes,)`, the split of each node.
    """
    n_users = cut.n_users
    worth = _count(cut.pairs.nodes, splits[cut.others], cut.pairs.periods, n_users * N_SPLITS).reshape(-1, N_SPLITS)
    for split in range(N_SPLITS):
        can_be = slice(None) if cut.alone.periods is None else cut.alone.periods == split
        worth[:, split] += np.bincount(cut.alone.nodes[can_be], minlength=n_users)
    counts = _count_users(cut.many, splits)
    others = cut.many.n_users - 1
    present = splits[cut.many.nodes]
    for split in range(N_SPLITS):
        # Most users of these lines have nothing to gain: a line that lacks two users or more is whole for nobody.
        is_near = counts[:, split] >= others
        if cut.many.periods is not None:
            is_near &= cut.many.periods == split
        rows = np.flatnonzero(is_near[cut.many.lines])
        lines = cut.many.lines[rows]
        is_whole = counts[lines, split] - (present[rows] == split) == others[lines]
        worth[:, split] += np.bincount(cut.many.nodes[rows[is_whole]], minlength=n_users)
    return worth


def _count(rows: npt.NDArray[np.integer], splits: SplitNumbers, periods: SplitNumbers | None, size: int) -> Int64Array:
    """Count pairs of a row and a split, those alone that are in the period of their split; int64 `(size,)`."""
    codes = rows * np.int64(N_SPLITS) + splits
    return np.bincount(codes if periods is None else codes[splits == periods], minlength=size)


def _count_users(many: _Many, splits: SplitNumbers) -> Int64Array:
    """Return the number of users of each line in each split, `(n_lines, 3)`."""
    codes = many.lines * N_SPLITS + splits[many.nodes]
    return np.bincount(codes, minlength=len(many.n_users) * N_SPLITS).reshape(-1, N_SPLITS)
