"""Give threads and texts the split of most lines that have them, after users have theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.line_graph import TEXT, THREAD, LineGraph
from persona_assets.assets.dataset.stratify import N_SPLITS, SplitNumbers


def assign_threads_and_texts(
    graph: LineGraph, splits: SplitNumbers, is_movable: npt.NDArray[np.bool_], periods: SplitNumbers | None
) -> SplitNumbers:
    """Move each movable thread and text to the split of most of its lines; return the splits of all nodes.

    Each thread goes to the split in which most of its lines can be kept, the first of several. Then each text does,
    where only lines whose threads agree count. A line without users, where there are no periods, counts for the split
    of its first node.

    Args:
        graph: The lines and their nodes.
        splits: int8 `(n_nodes,)`; those of users are final.
        is_movable: bool `(n_nodes,)`: the nodes of components that are cut.
        periods: int8 `(n_lines,)`: the only split in which each line can be kept, or -1 for none; None: in any.
    """
    # Every node of a line without users may follow others: only the first one, which decides for the line, stays.
    of_line = splits[graph.anchors] if periods is None else periods
    follows = is_movable & (graph.kinds > 0)
    if periods is None:
        follows[graph.anchors] = False
    kinds = graph.kinds[graph.nodes]
    can_be_kept = of_line >= 0
    can_be_kept[graph.lines[~follows[graph.nodes] & (splits[graph.nodes] != of_line[graph.lines])]] = False
    splits = splits.copy()
    for kind in (THREAD, TEXT):
        voting = (kinds == kind) & follows[graph.nodes] & can_be_kept[graph.lines]
        nodes = graph.nodes[voting]
        votes = np.bincount(
            nodes.astype(np.int64) * N_SPLITS + of_line[graph.lines[voting]], minlength=graph.n_nodes * N_SPLITS
        ).reshape(-1, N_SPLITS)
        has_votes = votes.any(axis=1)
        splits[has_votes] = votes[has_votes].argmax(axis=1)
        can_be_kept[graph.lines[voting & (splits[graph.nodes] != of_line[graph.lines])]] = False
    return splits
