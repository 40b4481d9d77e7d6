import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.cut_lines import count_lines, select_cut_lines
from persona_assets.assets.dataset.line_graph import USER, read_line_graph
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets_tests.assets.dataset.line_builders import Line, any_lines, batches, line_table

OPTIONS = SplitOptions(near_duplicate_similarity=1)


def list_users(graph) -> list[list[int]]:
    """Return the users of each line that has any; one without is anchored at a node of another kind."""
    users: list[list[int]] = [[] for _ in range(graph.n_lines)]
    for line, node in zip(graph.lines.tolist(), graph.nodes.tolist(), strict=True):
        if graph.kinds[node] == USER:
            users[line].append(node)
    return users


@given(any_lines(), st.booleans(), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_trying_each_user_in_each_split(table, has_periods, seed) -> None:
    graph = read_line_graph(batches(table), OPTIONS)
    rng = np.random.default_rng(seed)
    splits = rng.integers(0, 3, graph.n_nodes).astype(np.int8)
    periods = rng.integers(-1, 3, graph.n_lines).astype(np.int8) if has_periods else None

    cut = select_cut_lines(graph, np.ones(graph.n_nodes, bool), periods)

    names = sorted({int(graph.personas[line]) for line, users in enumerate(list_users(graph)) if users})
    whole = np.zeros((len(names), 3), int)
    worth = np.zeros((cut.n_users, 3), int)
    for line, users in enumerate(list_users(graph)):
        for split in range(3):
            if not users or (periods is not None and periods[line] != split):
                continue
            whole[names.index(graph.personas[line]), split] += all(splits[user] == split for user in users)
            for user in users:
                worth[user, split] += all(splits[other] == split for other in users if other != user)
    counts = count_lines(cut, splits)
    assert counts.whole.tolist() == whole.tolist()
    assert counts.worth.tolist() == worth.tolist()


@pytest.mark.parametrize("movable", [True, False])
def test_only_lines_whose_users_may_move_are_cut(movable) -> None:
    graph = read_line_graph(batches(line_table([Line(["ann", "bob"]), Line([], ["thread"]), Line(["cat"])])), OPTIONS)

    cut = select_cut_lines(graph, np.full(graph.n_nodes, movable))

    assert cut.n_lines == (2 if movable else 0)
