import numpy as np

from persona_assets.assets.dataset.line_graph import USER, read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.user_refinement import refine_users
from persona_assets_tests.assets.dataset.line_builders import Line, batches, connected_lines, line_table

OPTIONS = SplitOptions(near_duplicate_similarity=1)


def count_whole(graph, splits):
    is_user = graph.kinds[graph.nodes] == USER
    lines, nodes = graph.lines[is_user], graph.nodes[is_user]
    crossing = np.unique(lines[splits[nodes] != splits[graph.anchors][lines]])
    whole = np.setdiff1d(np.arange(graph.n_lines), crossing)
    return np.bincount(splits[graph.anchors][whole], minlength=3)


def test_lines_kept_have_the_asked_shares_and_are_more_than_before() -> None:
    graph = read_line_graph(batches(connected_lines(6000)), OPTIONS)
    rng = np.random.default_rng(1)
    start = rng.choice(3, graph.n_nodes, p=OPTIONS.normalised_shares).astype(np.int8)

    refined = refine_users(graph, start, np.ones(graph.n_nodes, bool), OPTIONS, None)

    kept = count_whole(graph, refined)
    assert np.abs(kept / kept.sum() - OPTIONS.normalised_shares).max() < 0.03
    # At random, validation and test would have a tenth of this.
    assert kept[1] > 2 * count_whole(graph, start)[1]
    assert (refined[graph.kinds != USER] == start[graph.kinds != USER]).all()


def test_nodes_that_may_not_move_stay() -> None:
    graph = read_line_graph(batches(connected_lines(1000)), OPTIONS)
    start = np.random.default_rng(1).integers(0, 3, graph.n_nodes).astype(np.int8)

    assert (refine_users(graph, start, np.zeros(graph.n_nodes, bool), OPTIONS, None) == start).all()


def test_users_of_one_period_go_to_its_split() -> None:
    lines = [Line([f"early{number}", f"early{number + 1}"]) for number in range(80)]
    lines += [Line([f"late{number}", f"late{number + 1}"]) for number in range(20)]
    graph = read_line_graph(batches(line_table(lines)), OPTIONS)
    periods = np.array([0] * 80 + [1] * 10 + [2] * 10, np.int8)
    start = np.random.default_rng(1).integers(0, 3, graph.n_nodes).astype(np.int8)

    refined = refine_users(graph, start, np.ones(graph.n_nodes, bool), OPTIONS, periods)

    agrees = refined[graph.nodes] == periods[graph.lines]
    assert agrees.mean() > 0.9
