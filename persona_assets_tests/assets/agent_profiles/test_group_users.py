import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.agent_profiles.group_users import group_users


@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=8),
    st.integers(1, 30),
    st.integers(2, 25),
    st.integers(0, 2**32 - 1),
)
def test_every_group_has_enough_users_of_one_cluster(sizes, max_groups, min_users, seed):
    random = np.random.default_rng(seed)
    clusters = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    activity = random.integers(0, 50, len(clusters))
    if not len(clusters):
        return

    found = group_users(clusters, activity, max_groups=max_groups, min_users=min_users)

    large = sum(size >= min_users for size in sizes)
    n_groups = len(found.cluster_of_group)
    assert n_groups == max(large, min(max_groups, sum(size // min_users for size in sizes)))
    for group in range(n_groups):
        members = found.group_of_user == group
        assert members.sum() >= min_users
        assert set(clusters[members]) == {found.cluster_of_group[group]}
    left_out = [size for size in sizes if size < min_users]
    assert (found.group_of_user < 0).sum() == sum(left_out)


def test_groups_are_in_the_order_of_activity():
    found = group_users(np.zeros(6, np.int64), np.array([5, 1, 3, 0, 9, 4]), max_groups=3, min_users=2)

    assert found.group_of_user.tolist() == [2, 0, 1, 0, 2, 1]


def test_clusters_have_groups_in_proportion_to_their_users():
    clusters = np.repeat([0, 1, 2], [600, 300, 100])

    found = group_users(clusters, np.zeros(1000), max_groups=10, min_users=20)

    assert np.bincount(found.cluster_of_group).tolist() == [6, 3, 1]
