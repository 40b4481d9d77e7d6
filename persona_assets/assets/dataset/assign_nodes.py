"""Give each node of the graph of lines one split: components whole, and the giant one cut by author."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from persona_assets.assets.dataset.components import find_components
from persona_assets.assets.dataset.keyed_hash import derive_number, mix_hashes
from persona_assets.assets.dataset.line_graph import LineGraph
from persona_assets.assets.dataset.main_personas import find_main_personas
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.stratify import N_SPLITS, SplitNumbers, assign_units
from persona_assets.assets.dataset.thread_splits import assign_threads_and_texts
from persona_assets.assets.dataset.user_refinement import refine_users

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# A component with more than this share of a persona's lines is cut: the persona would have one split otherwise.
_MAX_PERSONA_SHARE = 0.5


def assign_nodes(graph: LineGraph, options: SplitOptions, periods: SplitNumbers | None = None) -> SplitNumbers:
    """Assign each user, thread and text of the graph to one split: int8 `(n_nodes,)`.

    A component whose lines are not cut has one split. In those that are cut, each author gets a split, stratified by
    persona, `refine_users` moves users so that fewer lines cross, and threads and texts follow.

    Args:
        graph: The lines and their nodes.
        options: Shares, seed, and the size from which components are cut.
        periods: int8 `(n_lines,)`: the split in whose period each line is, or -1. All components are cut then, because
            each would be in several periods.
    """
    components = find_components(graph)
    is_cut = find_cut_components(graph, components, options)
    if periods is not None:
        is_cut[:] = True
    # A unit is a whole component, or an author in a component that is cut.
    of_line = components[graph.anchors].astype(np.int64)
    units = np.where(is_cut[of_line], len(is_cut) + graph.anchors.astype(np.int64), of_line)
    distinct, personas, sizes = find_main_personas(units, graph.personas)
    strata = personas.astype(np.int64)
    is_author = distinct >= len(is_cut)
    _, first_nodes = np.unique(components, return_index=True)
    nodes = np.where(is_author, distinct - len(is_cut), first_nodes[np.minimum(distinct, len(is_cut) - 1)])
    keys = mix_hashes(graph.keys[nodes], derive_number(options.seed, "unit"))
    asked = np.array(options.normalised_shares)
    split_of_unit = np.empty(len(distinct), np.int8)
    split_of_unit[~is_author] = assign_units(sizes[~is_author], strata[~is_author], keys[~is_author], asked)
    # Equal shares, from which refinement moves to those that are asked.
    equal = np.full(N_SPLITS, 1 / N_SPLITS)
    split_of_unit[is_author] = assign_units(sizes[is_author], strata[is_author], keys[is_author], equal)
    of_component = np.zeros(len(is_cut), np.int8)
    of_component[distinct[~is_author]] = split_of_unit[~is_author]
    splits = of_component[components]
    splits[nodes[is_author]] = split_of_unit[is_author]
    is_movable = is_cut[components]
    splits = refine_users(graph, splits, is_movable, options, periods)
    return assign_threads_and_texts(graph, splits, is_movable, periods)


def find_cut_components(graph: LineGraph, components: Int32Array, options: SplitOptions) -> npt.NDArray[np.bool_]:
    """Return which connected components are too large to be one split and are divided: bool `(n_components,)`.

    A component whose lines have one author is never cut.
    """
    of_line = components[graph.anchors]
    n_components = components.max(initial=-1) + 1
    is_cut = np.bincount(of_line, minlength=n_components) > options.max_component_share * graph.n_lines
    names, persona = np.unique(graph.personas, return_inverse=True)
    pairs, counts = np.unique(of_line.astype(np.int64) * max(len(names), 1) + persona, return_counts=True)
    of_persona = np.bincount(persona, minlength=1)[pairs % max(len(names), 1)]
    is_cut[(pairs // max(len(names), 1))[counts > _MAX_PERSONA_SHARE * of_persona]] = True
    authors = np.unique(graph.anchors)
    return is_cut & (np.bincount(components[authors], minlength=n_components) > 1)
