"""Move users between splits so that fewer lines cross, while splits keep the asked shares of lines.

The method is label propagation with capacities. In each round, half of the users choose the split in which more of
their lines would be whole. Each split has a price for each persona, at which it gets as many lines as it has room for
(Ugander and Backstrom 2013 solve a linear program for this). The room of each split changes from round to round, until
the lines that are kept have the asked shares. Rounds begin with equal shares, so that communities form in all splits
alike, and go from there to those asked.

Threads and texts are not looked at: nearly all lines of a thread have its first author, so that they go where that user
goes. `follow` gives each its split afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.cut_lines import CutLines, count_lines, select_cut_lines
from persona_assets.assets.dataset.keyed_hash import Hashes, derive_number, mix_hashes
from persona_assets.assets.dataset.line_graph import USER, LineGraph
from persona_assets.assets.dataset.main_personas import find_main_personas
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.stratify import N_SPLITS, TEST, TRAIN, VALIDATION, Shares, SplitNumbers

# Rounds with equal shares, rounds in which shares go to those asked, and rounds with these.
_ROUNDS_EQUAL, _ROUNDS_BETWEEN, _ROUNDS_ASKED = 10, 30, 20
# Exponent by which capacities follow the ratio of asked and present shares of lines that are kept.
_ETA = 0.3
_MIN_CAPACITY = 0.01
# A persona with fewer kept lines than this follows the shares of all personas more than its own.
_PRIOR_LINES = 300
# Prices are shares of a user's lines; sweeps over splits and halvings of the interval in each.
_MAX_PRICE, _SWEEPS, _HALVINGS = 2.0, 2, 10
# Of its lines, what a user must gain to move, and what it gains at random, so that equal users do not move together.
_INERTIA, _JITTER = 0.02, 0.01

Int64Array = npt.NDArray[np.int64]


class _Users(NamedTuple):
    """The users that may move."""

    nodes: Int64Array
    authored: Int64Array  # number of lines of each
    personas: Int64Array  # of most of these lines


def refine_users(
    graph: LineGraph,
    splits: SplitNumbers,
    is_movable: npt.NDArray[np.bool_],
    options: SplitOptions,
    periods: SplitNumbers | None,
) -> SplitNumbers:
    """Move users between splits so that fewer lines are dropped, and splits keep the asked shares of lines.

    Args:
        graph: The lines and their nodes.
        splits: int8 `(n_nodes,)`: a first split of authors. Movable users that author no line get one here.
        is_movable: bool `(n_nodes,)`: the nodes of components that are cut.
        options: Shares and seed.
        periods: int8 `(n_lines,)`: the only split in which each line can be kept, or -1 for none; None: in any.
    """
    cut = select_cut_lines(graph, is_movable, periods)
    if not cut.n_lines:
        return splits
    asked = np.array(options.normalised_shares)
    is_movable = is_movable & (graph.kinds == USER)
    splits = _follow_authors(graph, cut, splits, is_movable)
    counts = count_lines(cut, splits)
    capacities = np.full((cut.n_personas, N_SPLITS), 1 / N_SPLITS)
    users = _describe_users(graph, cut, is_movable)
    best, best_score = splits, -np.inf
    last = _ROUNDS_EQUAL + _ROUNDS_BETWEEN + _ROUNDS_ASKED
    for number in range(last):
        target = _interpolate(asked, (number - _ROUNDS_EQUAL) / _ROUNDS_BETWEEN)
        capacities = _adjust(capacities, counts.whole, target)
        # Half of the users stay, so that neighbours do not exchange places for ever.
        draws = mix_hashes(graph.keys[users.nodes], derive_number(options.seed, f"round {number}"))
        splits = _move(users, counts.worth, splits, capacities, draws)
        counts = count_lines(cut, splits)
        score = _score(counts.whole, asked)
        if number >= last - _ROUNDS_ASKED and score > best_score:
            best, best_score = splits, score
    return best


def _follow_authors(
    graph: LineGraph, cut: CutLines, splits: SplitNumbers, is_movable: npt.NDArray[np.bool_]
) -> SplitNumbers:
    """Give users that author no line the split in which most authors of their lines are, the first of several."""
    is_follower = is_movable.copy()
    is_follower[graph.anchors] = False
    authors = graph.anchors[is_movable[graph.anchors]]
    votes = np.bincount(
        cut.nodes.astype(np.int64) * N_SPLITS + splits[authors[cut.lines]], minlength=len(splits) * N_SPLITS
    )
    followed = votes.reshape(-1, N_SPLITS).argmax(axis=1).astype(np.int8)
    return np.where(is_follower, followed, splits)


def _interpolate(asked: Shares, progress: float) -> Shares:
    """Return shares between equal ones (progress 0 and less) and those asked (1 and more), on a logarithmic scale."""
    shares = asked ** min(max(progress, 0.0), 1.0)
    return shares / shares.sum()


def _adjust(capacities: Shares, whole: Int64Array, target: Shares) -> Shares:
    """Give more room to splits that have too few of a persona's lines, `(n_personas, 3)`; rows sum to 1."""
    total = whole.sum(axis=0)
    overall = (total + 1) / (total.sum() + N_SPLITS)
    shares = (whole + _PRIOR_LINES * overall) / (whole.sum(axis=1, keepdims=True) + _PRIOR_LINES)
    capacities = np.maximum(capacities * (target / shares) ** _ETA, _MIN_CAPACITY)
    return capacities / capacities.sum(axis=1, keepdims=True)


def _describe_users(graph: LineGraph, cut: CutLines, is_movable: npt.NDArray[np.bool_]) -> _Users:
    nodes = np.flatnonzero(is_movable)
    anchors = graph.anchors[is_movable[graph.anchors]]
    authored = np.bincount(anchors, minlength=graph.n_nodes)[nodes]
    personas = np.zeros(graph.n_nodes, np.int64)
    authors, main, _ = find_main_personas(anchors.astype(np.int64), cut.personas)
    personas[authors] = main
    return _Users(nodes, authored, personas[nodes])


def _move(users: _Users, worth: Int64Array, splits: SplitNumbers, capacities: Shares, draws: Hashes) -> SplitNumbers:
    """Return the splits after half of the users, those with odd draws, chose theirs at the prices of this round."""
    may_move = (draws & np.uint64(1)).astype(bool)
    nodes, authored, personas = (column[may_move] for column in users)
    present = splits[nodes]
    values = worth[nodes] / np.maximum(authored, 1)[:, None]
    values[np.arange(len(nodes)), present] += _INERTIA
    jitter = (draws[may_move] >> np.uint64(8)) & np.uint64(0xFFFF)
    values[:, TRAIN] += jitter / 0xFFFF * _JITTER
    is_author = authored > 0
    room = capacities * np.bincount(users.personas, users.authored, len(capacities))[:, None]
    staying = ~may_move
    room -= np.bincount(
        users.personas[staying] * N_SPLITS + splits[users.nodes[staying]],
        users.authored[staying],
        capacities.size,
    ).reshape(-1, N_SPLITS)
    prices = _find_prices(values[is_author], authored[is_author], personas[is_author], room)
    values[is_author] += prices[personas[is_author]]
    splits = splits.copy()
    splits[nodes] = values.argmax(axis=1)
    return splits


def _find_prices(values: Shares, weights: Int64Array, personas: Int64Array, room: Shares) -> Shares:
    """Return what is to be added to the values of each persona and split so that choices fill the room of each split.

    Args:
        values: float64 `(n, 3)`, of each user and split.
        weights: int64 `(n,)`, how much room each user takes.
        personas: int64 `(n,)`.
        room: float64 `(n_personas, 3)`.
    """
    prices = np.zeros_like(room)
    columns = [np.ascontiguousarray(values[:, split]) for split in range(N_SPLITS)]
    for _ in range(_SWEEPS):
        for split, other in ((VALIDATION, TEST), (TEST, VALIDATION)):
            # The split is chosen if it is worth more than those before it, and as much as those after it.
            against = columns[other] + prices[personas, other]
            low = np.full(len(room), -_MAX_PRICE)
            high = np.full(len(room), _MAX_PRICE)
            for _ in range(_HALVINGS):
                prices[:, split] = price = (low + high) / 2
                offered = columns[split] + price[personas]
                chosen = offered > columns[TRAIN]
                chosen &= offered >= against if other > split else offered > against
                taken = np.bincount(personas[chosen], weights[chosen], len(room))
                low = np.where(taken < room[:, split], price, low)
                high = np.where(taken < room[:, split], high, price)
    return prices


def _score(whole: Int64Array, asked: Shares) -> float:
    """Return how good a split is: the number of lines kept, less those by which shares of personas are off."""
    deviation = np.abs(whole - whole.sum(axis=1, keepdims=True) * asked).sum()
    return float(whole.sum() - deviation)
