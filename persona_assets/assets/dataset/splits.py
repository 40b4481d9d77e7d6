"""Split lines into train, validation and test so that no user, thread or text is in two of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.dataset.assign_nodes import assign_nodes
from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.line_graph import TEXT, THREAD, USER, LineGraph, read_line_graph
from persona_assets.assets.dataset.periods import assign_periods
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.stratify import SplitNumbers
from persona_assets.common.columns import column, required_column
from persona_assets.common.freed_memory import return_freed_memory

_PERIOD_ROUNDS = 6

BETWEEN_PERIODS = "between the periods of two splits"
CROSSING_REASONS = {
    USER: "users of two splits",
    THREAD: "thread or quoted post in another split",
    TEXT: "text in another split",
}
OTHER_PERIOD = "written in the period of another split"
DROPPED_REASONS = (BETWEEN_PERIODS, *CROSSING_REASONS.values(), OTHER_PERIOD)

LINE_SPLITS = pa.schema(
    [
        required_column("line_id", pa.int64(), "Number of the line."),
        column("split", tables.CLOSED_SET, "train, validation or test; empty if the line is dropped."),
        column("dropped_reason", tables.CLOSED_SET, "Why the line is in no split; empty if it is in one."),
    ]
)

PERSONA_SPLITS = pa.schema(
    [
        required_column("persona", pa.int32(), "Number of the persona."),
        required_column("train", pa.int64(), "Its lines in train."),
        required_column("validation", pa.int64(), "Its lines in validation."),
        required_column("test", pa.int64(), "Its lines in test."),
        required_column("dropped", pa.int64(), "Its lines in no split."),
    ]
)


class LineSplits(NamedTuple):
    """Result of `split_lines`: the split of each line, and the numbers of lines kept and dropped."""

    lines: pa.Table  # LINE_SPLITS, in the order of the lines that were read
    by_persona: pa.Table  # PERSONA_SPLITS, sorted by persona
    read: int
    kept: dict[str, int]  # by split
    dropped: dict[str, int]  # by reason; the sum of `kept` and `dropped` is `read`


def split_lines(batches: Iterable[pa.RecordBatch], options: SplitOptions) -> LineSplits:
    """Assign each line to train, validation or test, or drop it, so that no user, thread or text is in two.

    Lines that share a user, a thread, a quoted post or a text are in one split. Connected components are assigned
    whole, stratified by persona. The giant component, which likes and popular posts make of most lines, is cut by
    author: each user, thread and text gets one split, and lines that would need two are dropped.

    The result depends on the lines and options alone: not on the order of lines, sizes of batches or number of threads.
    Time is linear in the number of lines. Memory: about 200 bytes for each line with its users and threads, and 450
    bytes for each distinct text.

    Args:
        batches: `line_graph.LINES`, read once.
        options: What is asked for.

    Raises:
        SplitError: In time mode, the lines span too little time.
    """
    return_freed_memory()  # of what was read before
    graph = read_line_graph(batches, options)
    return_freed_memory()
    if options.mode == "components":
        return build_line_splits(graph, *decide_split_of_lines(graph, assign_nodes(graph, options), None))
    # Where users are in several splits, nothing else balances the lines that are dropped because their thread or text
    # began in another period. So the periods are chosen anew for the shares that the last ones lacked.
    asked = shares = np.array(options.normalised_shares)
    rounds_left = 1 if options.hold_out_users else _PERIOD_ROUNDS
    while True:
        periods = assign_periods(graph.first_time_us, graph.last_time_us, shares, options.gap_hours)
        split, reason = decide_split_of_lines(graph, assign_nodes(graph, options, periods), periods)
        rounds_left -= 1
        if not rounds_left:
            return build_line_splits(graph, split, reason)
        kept = np.bincount(split[split >= 0], minlength=len(SPLITS)) + 1
        shares = shares * asked * kept.sum() / kept
        shares = shares / shares.sum()


def decide_split_of_lines(
    graph: LineGraph, splits: SplitNumbers, periods: SplitNumbers | None
) -> tuple[SplitNumbers, SplitNumbers]:
    """Return each line's split from those of its nodes, and the index of its reason in `DROPPED_REASONS`.

    Args:
        graph: The lines and their nodes.
        splits: int8 `(n_nodes,)`, the split of each node.
        periods: int8 `(n_lines,)`, the split in whose period each line is, -1 for none; None without periods.
    """
    chosen = splits[graph.anchors]
    reasons = np.full(graph.n_lines, -1, np.int8)
    if periods is not None:
        reasons[periods != chosen] = DROPPED_REASONS.index(OTHER_PERIOD)
    crosses = splits[graph.nodes] != chosen[graph.lines]
    # The first kind counts, so that it is written last.
    for kind, reason in reversed(CROSSING_REASONS.items()):
        lines = graph.lines[crosses & (graph.kinds[graph.nodes] == kind)]
        reasons[lines] = DROPPED_REASONS.index(reason)
    if periods is not None:
        reasons[periods < 0] = DROPPED_REASONS.index(BETWEEN_PERIODS)
    return np.where(reasons < 0, chosen, -1).astype(np.int8), reasons


def build_line_splits(graph: LineGraph, split: SplitNumbers, reason: SplitNumbers) -> LineSplits:
    """Build `LineSplits` from the split and the reason of each line, as `decide_split_of_lines` returns them."""
    lines = pa.table([graph.line_ids, _name(split, SPLITS), _name(reason, DROPPED_REASONS)], schema=LINE_SPLITS)
    personas, rows = np.unique(graph.personas, return_inverse=True)
    columns = len(SPLITS) + 1
    counts = np.bincount(rows * columns + split % columns, minlength=len(personas) * columns).reshape(-1, columns)
    by_persona = pa.table([personas.astype(np.int32), *counts.T], schema=PERSONA_SPLITS)
    return LineSplits(
        lines,
        by_persona,
        read=graph.n_lines,
        kept={name: int((split == place).sum()) for place, name in enumerate(SPLITS)},
        dropped={
            name: number for place, name in enumerate(DROPPED_REASONS) if (number := int((reason == place).sum()))
        },
    )


def _name(numbers: npt.NDArray[np.int8], names: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, mask=numbers < 0), pa.array(names))
