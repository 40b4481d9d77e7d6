import numpy as np

from persona_assets.assets.dataset.line_graph import TEXT, THREAD, USER, read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.thread_splits import assign_threads_and_texts
from persona_assets_tests.assets.dataset.line_builders import Line, batches, line_table

TEXTS = ["these five words are shared", "other texts have words as well"]


def test_threads_and_texts_go_where_most_of_their_lines_can_be_kept() -> None:
    lines = [Line([user], ["thread"], [TEXTS[0]]) for user in ("ann", "bob", "cat")]
    lines += [Line(["cat"], ["own"], [TEXTS[1]]), Line(["ann"], ["thread", "own"], [TEXTS[1]])]
    graph = read_line_graph(batches(line_table(lines)), SplitOptions())
    splits = np.zeros(graph.n_nodes, np.int8)
    splits[graph.anchors[:3]] = [1, 1, 2]

    followed = assign_threads_and_texts(graph, splits, np.ones(graph.n_nodes, bool), None)

    assert (followed[graph.kinds == USER] == splits[graph.kinds == USER]).all()
    own = graph.nodes[(graph.lines == 3) & (graph.kinds[graph.nodes] == THREAD)][0]
    shared = graph.nodes[(graph.lines == 0) & (graph.kinds[graph.nodes] == THREAD)][0]
    assert followed[shared] == 1
    # One line of each split has the thread `own`: the first split wins, and the text follows the line that is left.
    assert followed[own] == 1
    assert sorted(followed[graph.kinds == TEXT].tolist()) == [1, 1]


def test_what_may_not_move_stays_and_periods_decide_where_there_are_no_users() -> None:
    options = SplitOptions(mode="time", hold_out_users=False)
    lines = [Line([], ["thread"]), Line([], ["thread"]), Line([], ["thread"], []), Line([], ["fixed"])]
    graph = read_line_graph(batches(line_table(lines)), options)
    is_movable = np.ones(graph.n_nodes, bool)
    is_movable[graph.anchors[3]] = False

    followed = assign_threads_and_texts(
        graph, np.zeros(graph.n_nodes, np.int8), is_movable, np.array([0, 2, 2, 2], np.int8)
    )

    assert followed[graph.anchors].tolist() == [2, 2, 2, 0]
