import numpy as np

from persona_assets.assets.agent_profiles.draw_edges import draw_edges


def draw(edges, group_of_user, cluster_of_group, seed=0):
    return draw_edges(
        np.array(edges, np.int64).reshape(-1, 2),
        np.array(group_of_user, np.int64),
        np.array(cluster_of_group, np.int64),
        np.random.default_rng(seed),
    )


def test_edges_go_between_the_clusters_that_have_edges():
    groups = np.repeat(np.arange(4), 10)  # agents 0 and 1 of cluster 0, 2 and 3 of cluster 1
    edges = [(user, 20 + user) for user in range(20)]

    found = draw(edges, groups, [0, 0, 1, 1])

    assert set(found[:, 0]) == {0, 1}
    assert set(found[:, 1]) <= {2, 3}
    assert np.bincount(found[:, 0]).tolist() == [1, 1]


def test_degrees_are_those_of_the_groups_on_average():
    random = np.random.default_rng(1)
    users_of_agent, n_agents = 20, 60
    groups = np.repeat(np.arange(n_agents), users_of_agent)
    popular = random.pareto(1.2, len(groups)) + 0.01
    out = random.integers(0, 12, n_agents)[groups]
    edges = np.unique(
        np.concatenate(
            [
                np.column_stack([np.full(degree, user), random.choice(len(groups), degree, p=popular / popular.sum())])
                for user, degree in enumerate(out)
            ]
        ),
        axis=0,
    )
    clusters = np.arange(n_agents) % 3

    drawn = [draw(edges, groups, clusters, seed) for seed in range(20)]

    expected_out = np.bincount(groups[edges[:, 0]], minlength=n_agents) / users_of_agent
    expected_in = np.bincount(groups[edges[:, 1]], minlength=n_agents) / users_of_agent
    out_degrees, in_degrees = (
        np.mean([np.bincount(edges_drawn[:, end], minlength=n_agents) for edges_drawn in drawn], axis=0)
        for end in (0, 1)
    )
    assert np.abs(out_degrees - expected_out).max() < 0.6
    assert np.corrcoef(in_degrees, expected_in)[0, 1] > 0.9


def test_no_agent_follows_itself_or_one_twice():
    edges = [(source, target) for source in range(40) for target in range(40) if source != target]

    found = draw(edges, np.repeat([0, 1], 20), [0, 0])

    assert found.tolist() == [[0, 1], [1, 0]]


def test_without_edges_or_agents_nothing_is_drawn():
    assert draw([], [0, 0, 1, 1], [0, 1]).shape == (0, 2)
    assert draw([], [], []).shape == (0, 2)
    assert draw([(0, 1)], [-1, 0], [0]).shape == (0, 2)
