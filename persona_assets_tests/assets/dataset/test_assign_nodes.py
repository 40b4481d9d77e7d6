import numpy as np
from hypothesis import given

from persona_assets.assets.dataset.assign_nodes import assign_nodes, find_cut_components
from persona_assets.assets.dataset.components import find_components
from persona_assets.assets.dataset.line_graph import read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets_tests.assets.dataset.line_builders import Line, any_lines, batches, connected_lines, line_table

OPTIONS = SplitOptions(near_duplicate_similarity=1)


def test_a_component_is_cut_if_it_is_giant_or_most_of_a_persona() -> None:
    lines = [Line([f"giant{number % 7}", "hub"], persona=number % 3) for number in range(300)]
    lines += [Line([f"alone{number}"], persona=number % 3) for number in range(2000)]
    lines += [Line(["only", "other"], persona=9), Line(["other", "only"], persona=9)] * 2
    lines += [Line(["lonely"], persona=8)] * 4
    graph = read_line_graph(batches(line_table(lines)), OPTIONS)

    components = find_components(graph)
    is_cut = find_cut_components(graph, components, OPTIONS)[components[graph.anchors]]

    assert is_cut[:300].all()
    assert not is_cut[300:2300].any()
    assert is_cut[2300:2304].all()
    assert not is_cut[2304:].any()


@given(any_lines())
def test_components_that_are_not_cut_have_one_split(table) -> None:
    graph = read_line_graph(batches(table), OPTIONS)
    components = find_components(graph)

    splits = assign_nodes(graph, OPTIONS)

    is_cut = find_cut_components(graph, components, OPTIONS)
    assert set(splits.tolist()) <= {0, 1, 2}
    for component in np.flatnonzero(~is_cut):
        assert len(np.unique(splits[components == component])) == 1


def test_cutting_by_circles_keeps_more_lines_than_cutting_by_users_at_random() -> None:
    graph = read_line_graph(batches(connected_lines(6000)), OPTIONS)

    def kept(splits):
        crossing = splits[graph.nodes] != splits[graph.anchors][graph.lines]
        return 1 - len(np.unique(graph.lines[crossing])) / graph.n_lines

    at_random = np.random.default_rng(1).choice(3, graph.n_nodes, p=OPTIONS.normalised_shares)
    at_random[graph.kinds > 0] = 0
    users_alone = at_random[graph.nodes[graph.kinds[graph.nodes] == 0]]
    lines = graph.lines[graph.kinds[graph.nodes] == 0]
    crossing = users_alone != at_random[graph.anchors][lines]
    assert kept(assign_nodes(graph, OPTIONS)) > 1 - len(np.unique(lines[crossing])) / graph.n_lines
