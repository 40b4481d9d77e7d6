import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.line_graph import ALONE, TEXT, THREAD, USER, read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets_tests.assets.dataset.line_builders import Line, any_lines, batches, line_table

OPTIONS = SplitOptions()


def describe(graph) -> dict:
    """Return the keys of each line's nodes, and of its anchor, by line id."""
    keys = graph.keys
    nodes: dict = {int(one): set() for one in graph.line_ids}
    for line, node in zip(graph.lines, graph.nodes, strict=True):
        nodes[int(graph.line_ids[line])].add((int(graph.kinds[node]), int(keys[node])))
    anchors = dict(zip(graph.line_ids.tolist(), keys[graph.anchors].tolist(), strict=True))
    return {one: (nodes[one], anchors[one]) for one in nodes}


def test_each_user_thread_and_text_of_a_line_is_a_node_once_and_the_author_is_the_anchor() -> None:
    graph = read_line_graph(
        batches(line_table([Line(["ann", "bob", "ann"], ["t", "q"], ["one two three four five", "short"])])), OPTIONS
    )

    assert np.bincount(graph.kinds[graph.nodes], minlength=4).tolist() == [2, 2, 1, 0]
    assert graph.kinds[graph.anchors].tolist() == [USER]
    both = read_line_graph(batches(line_table([Line(["ann"]), Line(["bob"]), Line(["ann", "bob"])])), OPTIONS)
    assert both.anchors[2] == both.anchors[0] != both.anchors[1]


def test_equal_and_nearly_equal_texts_are_one_node_and_short_ones_none() -> None:
    long = "the quick brown fox jumps over the lazy dog near the old river bank today"
    texts = [
        long,
        long.upper() + "!!",
        long.replace("old", "cold"),
        "good morning",
        "something else entirely is said here",
    ]

    graph = read_line_graph(batches(line_table([Line([], [], [text]) for text in texts])), OPTIONS)

    of_line = graph.anchors
    assert of_line[0] == of_line[1] == of_line[2] != of_line[4]
    assert graph.kinds[of_line].tolist() == [TEXT, TEXT, TEXT, ALONE, TEXT]


def test_without_held_out_users_users_are_no_nodes() -> None:
    options = SplitOptions(mode="time", hold_out_users=False)

    graph = read_line_graph(batches(line_table([Line(["ann"], ["t"])])), options)

    assert graph.kinds.tolist() == [THREAD]


@given(any_lines(), st.integers(1, 20), st.randoms())
def test_the_graph_does_not_depend_on_batches_or_the_order_of_lines(table, rows, random) -> None:
    order = list(range(len(table)))
    random.shuffle(order)

    graphs = [
        read_line_graph(batches(table), OPTIONS),
        read_line_graph(batches(table.take(pa.array(order, pa.int64())), rows), OPTIONS),
    ]

    assert describe(graphs[0]) == describe(graphs[1])
    assert all(len(np.unique(graph.nodes)) == graph.n_nodes for graph in graphs)


def test_no_lines_make_an_empty_graph() -> None:
    graph = read_line_graph([], OPTIONS)

    assert (graph.n_lines, graph.n_nodes, len(graph.nodes)) == (0, 0, 0)
