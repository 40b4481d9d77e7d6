import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.cluster_jsonl.threads import find_cycles, find_line_ends, trace_paths


def rows(*values):
    return np.array(values, dtype=np.int32)


def paths(parents, clusters, max_messages=64):
    found = {}
    for piece in trace_paths(parents, find_line_ends(parents, clusters), max_thread_messages=max_messages):
        for leaf, position, message, is_first in zip(*(column.tolist() for column in piece), strict=True):
            found.setdefault(leaf, {})[position] = message
            assert is_first == (parents[message] < 0 or position == 1 - max_messages)
    return {tuple(path[position] for position in sorted(path)) for path in found.values()}


def expected_paths(parents, clusters, max_messages=64):
    """Return the paths found message by message."""
    above = {}
    for row in range(len(parents)):
        chain = [row]
        while parents[chain[0]] >= 0:
            chain.insert(0, int(parents[chain[0]]))
        above[row] = chain
    answered = {
        (message, clusters[row]) for row in range(len(parents)) if clusters[row] >= 0 for message in above[row][:-1]
    }
    return {
        tuple(above[row][-max_messages:])
        for row in range(len(parents))
        if clusters[row] >= 0 and (row, clusters[row]) not in answered
    }


@st.composite
def forests(draw):
    size = draw(st.integers(0, 40))
    parents = [draw(st.integers(-1, row - 1)) for row in range(size)]
    names = draw(st.permutations(range(size)))  # parents need not come before their answers
    renamed = [-1] * size
    for row, parent in enumerate(parents):
        renamed[names[row]] = -1 if parent < 0 else names[parent]
    return rows(*renamed), rows(*(draw(st.integers(-1, 3)) for _ in range(size)))


@given(forests(), st.integers(1, 6))
def test_paths_are_those_found_message_by_message(forest, max_messages):
    parents, clusters = forest

    assert paths(parents, clusters, max_messages) == expected_paths(parents, clusters, max_messages)


@given(forests())
def test_every_message_of_a_clusters_user_is_in_a_path_of_that_cluster(forest):
    parents, clusters = forest

    shown = {(message, int(clusters[path[-1]])) for path in paths(parents, clusters) for message in path}

    assert {(row, cluster) for row, cluster in enumerate(clusters.tolist()) if cluster >= 0} <= shown


@given(st.lists(st.integers(-1, 11), min_size=12, max_size=12))
def test_cycles_are_found_and_without_them_a_forest_is_left(answered):
    parents = rows(*answered)

    for cycle in find_cycles(parents):
        assert all(parents[row] == after for row, after in zip(cycle, np.roll(cycle, -1), strict=True))
        parents[cycle[0]] = -1

    assert find_cycles(parents) == []


def test_a_message_that_answers_itself_is_a_cycle_of_one():
    assert [cycle.tolist() for cycle in find_cycles(rows(0, 0, -1))] == [[0]]


def test_cycles_are_an_error():
    with pytest.raises(ValueError, match="cut them first"):
        find_line_ends(rows(1, 0), rows(0, 0))


def test_a_user_of_another_cluster_further_down_does_not_end_a_line():
    parents, clusters = rows(-1, 0, 1, 2), rows(0, 1, 0, -1)

    assert paths(parents, clusters) == {(0, 1), (0, 1, 2)}


def test_a_thread_of_20000_messages_takes_less_than_ten_seconds():
    parents = np.arange(-1, 19_999, dtype=np.int32)
    clusters = np.tile(rows(0, 1), 10_000)
    start = time.process_time()

    found = paths(parents, clusters)

    assert {len(path) for path in found} == {64}
    assert {path[-1] for path in found} == {19_998, 19_999}
    assert time.process_time() - start < 10
