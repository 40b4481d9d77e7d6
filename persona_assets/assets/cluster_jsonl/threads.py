"""Find reply threads, and the path of messages that each conversation line shows.

Messages are numbered 0 to n - 1. `parents` holds the number of the message that each one replies to, or -1: a forest,
once its cycles are cut. Everything is computed on whole arrays, so time grows with the number of messages and, by a few
microseconds a level, with the depth of the deepest thread. Texts are not needed.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]

# Number of paths that are traced together. With 64 messages each, an array of them takes 12 MiB.
LEAVES_PER_BATCH = 50_000


class PathMessages(NamedTuple):
    """The messages of several reply paths, as columns with one row for each message of each path."""

    leaf: Int32Array  # the last message of the path
    position: Int32Array  # 0 for the leaf, -1 for the message it replies to, and so on
    message: Int32Array
    is_first: npt.NDArray[np.bool_]  # whether it is the first message of its path


def find_cycles(parents: Int32Array) -> list[Int32Array]:
    """Return the cycles in which messages reply to each other, which only forged messages can form.

    Args:
        parents: int32 `(n,)`, the message replied to, or -1.

    Returns:
        The messages of each cycle, each followed by the one it replies to, starting with the lowest number.
    """
    _, on_cycles = _find_depths_and_cycles(parents)
    cycles: list[Int32Array] = []
    seen: set[int] = set()
    for start in on_cycles.tolist():
        if start in seen:
            continue
        cycle, message = [start], int(parents[start])
        while message != start:
            cycle.append(message)
            message = int(parents[message])
        seen.update(cycle)
        cycles.append(np.array(cycle, dtype=np.int32))
    return cycles


def find_line_ends(parents: Int32Array, clusters: Int32Array) -> Int32Array:
    """Return the messages to which no user of the same cluster replies, even indirectly: each ends a line.

    In a preorder of the threads, all messages below a message follow it without a gap. So a message of the same cluster
    is below it exactly if the next message of that cluster in the preorder is within that range.

    Args:
        parents: int32 `(n,)`, the message replied to, or -1; without cycles.
        clusters: int32 `(n,)`, the cluster of each message's author, or -1.

    Returns:
        int32 message numbers, ascending. Memory is about 40 bytes a message meanwhile.

    Raises:
        ValueError: The messages form cycles.
    """
    places, sizes = _number_in_preorder(parents)
    own = np.flatnonzero(clusters >= 0)
    own = own[np.lexsort((places[own], clusters[own]))]
    here, following = own[:-1], own[1:]
    is_answered = np.zeros(len(own), dtype=bool)
    is_answered[:-1] = (clusters[here] == clusters[following]) & (places[following] < places[here] + sizes[here])
    return np.sort(own[~is_answered]).astype(np.int32)


def trace_paths(parents: Int32Array, leaves: Int32Array, *, max_thread_messages: int) -> Iterator[PathMessages]:
    """Yield the path of replies from each leaf up to its thread's first message, at most `max_thread_messages` long.

    Args:
        parents: int32 `(n,)`, the message replied to, or -1; without cycles.
        leaves: int32 message numbers.
        max_thread_messages: Maximum number of messages of a path, the leaf included. At least 1.
    """
    for start in range(0, len(leaves), LEAVES_PER_BATCH):
        leaf = message = leaves[start : start + LEAVES_PER_BATCH]
        steps: list[PathMessages] = []
        for step in range(max_thread_messages):
            above = parents[message]
            goes_on = (above >= 0) & (step < max_thread_messages - 1)
            steps.append(PathMessages(leaf, np.full(len(leaf), -step, dtype=np.int32), message, ~goes_on))
            leaf, message = leaf[goes_on], above[goes_on]
            if not len(leaf):
                break
        yield PathMessages(*(np.concatenate(column) for column in zip(*steps, strict=True)))


def _find_depths_and_cycles(parents: Int32Array) -> tuple[Int32Array, Int32Array]:
    """Return the depth of each message and the sorted messages that are on cycles, by pointer jumping.

    After round r, each message that is still climbing has climbed 2**r steps. Once that exceeds the number of replies,
    only messages on or below a cycle still climb, and each has arrived on its cycle.
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


def _number_in_preorder(parents: Int32Array) -> tuple[Int32Array, Int32Array]:
    """Return the place of each message in a preorder of all threads, and the size of its subtree, itself included."""
    depths, on_cycles = _find_depths_and_cycles(parents)
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
        places[level] = places[parents[level]] + 1 + _sum_earlier_siblings(parents[level], sizes[level])
    return places, sizes


def _sum_earlier_siblings(parents: Int32Array, sizes: Int32Array) -> Int32Array:
    """Return for each message the sum of the subtree sizes of its earlier siblings; siblings are adjacent."""
    before = np.cumsum(sizes) - sizes
    is_first = np.append(True, parents[1:] != parents[:-1])
    first = np.maximum.accumulate(np.where(is_first, np.arange(len(parents)), 0))
    return (before - before[first]).astype(np.int32)
