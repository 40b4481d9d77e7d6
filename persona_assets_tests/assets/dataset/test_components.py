import networkx as nx
import numpy as np
from hypothesis import given

from persona_assets.assets.dataset.components import find_components
from persona_assets.assets.dataset.line_graph import read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets_tests.assets.dataset.line_builders import Line, any_lines, batches, line_table


def test_users_threads_and_texts_tie_lines_together() -> None:
    text = "these five words are shared"
    graph = read_line_graph(
        batches(
            line_table(
                [
                    Line(["ann"], ["t1"]),
                    Line(["bob"], ["t1"]),
                    Line(["bob", "cat"], []),
                    Line(["dan"], ["t2"], [text]),
                    Line(["eve"], ["t3"], [text]),
                    Line(["fay"], ["t4"], ["hi"]),
                    Line([], [], ["hi"]),
                ]
            )
        ),
        SplitOptions(),
    )

    of_line = find_components(graph)[graph.anchors]

    assert of_line[0] == of_line[1] == of_line[2]
    assert of_line[3] == of_line[4]
    assert len(np.unique(of_line)) == 4


@given(any_lines())
def test_components_are_those_of_networkx(table) -> None:
    graph = read_line_graph(batches(table), SplitOptions())
    plain = nx.Graph()
    plain.add_nodes_from(range(graph.n_nodes))
    plain.add_edges_from((f"line {line}", node) for line, node in zip(graph.lines, graph.nodes.tolist(), strict=True))

    found = find_components(graph)

    for part in nx.connected_components(plain):
        nodes = [node for node in part if isinstance(node, int)]
        assert len(np.unique(found[nodes])) == 1
    assert len(np.unique(found)) == nx.number_connected_components(plain)
