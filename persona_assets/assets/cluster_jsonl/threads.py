"""Find the threads of a window and the path of messages that each line of a persona's file shows.

Messages are rows 0 to n - 1, and `parents` names the row that each one answers, or -1: a forest, once its
cycles are cut. All is arithmetic on whole arrays, so that time grows with the number of messages and, by a
few microseconds a level, with the depth of the deepest thread. Texts are not needed here.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int32]

# Leaves whose paths are held at once: with 64 messages each, 12 MiB an array.
LEAVES_AT_ONCE = 50_000


class Climb(NamedTuple):
    """Paths in pieces: one message of one path in each row."""

    leaf: Rows  # the message that a path ends with
    position: Rows  # 0 for the leaf, -1 for the message that it answers, and so on
    message: Rows
    is_first: npt.NDArray[np.bool_]  # of its path: the one furthest from the leaf


def find_cycles(parents: Rows) -> list[Rows]:
    """Return the cycles of a graph in which each message answers at most one other.

    Honest messages cannot answer later ones; forged ones do.

    Args:
        parents: int32 `(n,)`, the row answered or -1.

    Returns:
        The rows of each cycle, from its lowest row on, in the direction of `parents`.
    """
    _, on_cycles = _double(parents)
    cycles: list[Rows] = []
    seen: set[int] = set()
    for start in on_cycles.tolist():
        if start in seen:
            continue
        cycle, row = [start], int(parents[start])
        while row != start:
            cycle.append(row)
            row = int(parents[row])
        seen.update(cycle)
        cycles.append(np.array(cycle, dtype=np.int32))
    return cycles


def find_leaves(parents: Rows, clusters: Rows) -> Rows:
    """Return the messages that a line ends with: those that no user of the same cluster answers further down.

    In a walk through each thread that enters all answers to a message before it goes on (a preorder), what is
    below a message is one stretch. So a message has one of its own cluster below it exactly if the next message
    of that cluster in the walk lies in that stretch.

    Args:
        parents: int32 `(n,)`, the row answered or -1, without cycles.
        clusters: int32 `(n,)`, the cluster of each message's author, or -1.

    Returns:
        int32 rows in ascending order. About 40 bytes a message are held meanwhile.
    """
    places, sizes = _walk(parents)
    own = np.flatnonzero(clusters >= 0)
    own = own[np.lexsort((places[own], clusters[own]))]
    here, following = own[:-1], own[1:]
    is_answered = np.zeros(len(own), dtype=bool)
    is_answered[:-1] = (clusters[here] == clusters[following]) & (places[following] < places[here] + sizes[here])
    return np.sort(own[~is_answered]).astype(np.int32)


def climb(parents: Rows, leaves: Rows, *, max_thread_messages: int) -> Iterator[Climb]:
    """Yield the path of each leaf, up to the first message of its thread or its `max_thread_messages` nearest.

    Args:
        parents: int32 `(n,)`, the row answered or -1, without cycles.
        leaves: int32 rows.
        max_thread_messages: Most messages of a path, the leaf included. At least 1.
    """
    for start in range(0, len(leaves), LEAVES_AT_ONCE):
        leaf = message = leaves[start : start + LEAVES_AT_ONCE]
        steps: list[Climb] = []
        for step in range(max_thread_messages):
            above = parents[message]
            goes_on = (above >= 0) & (step < max_thread_messages - 1)
            steps.append(Climb(leaf, np.full(len(leaf), -step, dtype=np.int32), message, ~goes_on))
            leaf, message = leaf[goes_on], above[goes_on]
            if not len(leaf):
                break
        yield Climb(*(np.concatenate(column) for column in zip(*steps, strict=True)))


def _double(parents: Rows) -> tuple[Rows, Rows]:
    """Return the depth of each message and the sorted rows that lie on cycles, by pointer jumping.

    After round r each message that is still climbing has climbed 2**r steps. Once that is more than there are
    messages, only those on or below a cycle still climb, and each has arrived on its cycle.
    """
    depths = (parents >= 0).astype(np.int32)
    jumps = parents.copy()
    climbing = np.flatnonzero(parents >= 0)
    steps, replies = 1, len(climbing)
    while len(climbing) and steps <= replies:
        landed = jumps[climbing]
        further, onward = depths[climbing] + depths[landed], jumps[landed]
        depths[climbing], jumps[climbing] = further, onward
        climbing = climbing[onward >= 0]
        steps *= 2
    return depths, np.unique(jumps[climbing])


def _walk(parents: Rows) -> tuple[Rows, Rows]:
    """Return the place of each message in a preorder of all threads, and how many it has below it, itself too."""
    depths, on_cycles = _double(parents)
    if len(on_cycles):
        raise ValueError("the messages form cycles: cut them first, see find_cycles")
    replies = np.flatnonzero(parents >= 0)
    replies = replies[np.lexsort((parents[replies], depths[replies]))]
    ends = np.cumsum(np.bincount(depths[replies], minlength=1))
    levels = [replies[start:end] for start, end in pairwise(ends)]
    sizes = np.ones(len(parents), dtype=np.int32)
    for level in reversed(levels):
        np.add.at(sizes, parents[level], sizes[level])
    places = np.zeros(len(parents), dtype=np.int32)
    roots = np.flatnonzero(parents < 0)
    places[roots] = np.cumsum(sizes[roots]) - sizes[roots]
    for level in levels:
        places[level] = places[parents[level]] + 1 + _ahead_among_siblings(parents[level], sizes[level])
    return places, sizes


def _ahead_among_siblings(parents: Rows, sizes: Rows) -> Rows:
    """Return the sum of the sizes of the siblings before each message; siblings lie side by side."""
    ahead = np.cumsum(sizes) - sizes
    is_first = np.append(True, parents[1:] != parents[:-1])
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(parents)), 0))
    return (ahead - ahead[first]).astype(np.int32)
