"""The data version of a table over all days: it stays while the days that it had before are as they were."""

import datetime as dt

import pytest

from persona_assets.common.growing_tables import choose_data_version, digest_table
from persona_assets_tests.assets.cluster_stats.builders import labels_of

ONE, TWO = dt.date(2025, 3, 1), dt.date(2025, 3, 2)
FIRST = {ONE: [(0, 0, "a", 9), (1, 1, "b", 5)]}


def test_a_new_day_changes_nothing_that_was_there():
    assert choose_data_version(labels_of({**FIRST, TWO: [(0, 1, "b", 7)]}), labels_of(FIRST), "v1") == "v1"
    assert choose_data_version(labels_of(FIRST), labels_of(FIRST), "v1") == "v1"


@pytest.mark.parametrize(
    "changed",
    [{ONE: [(0, 0, "c", 9), (1, 1, "b", 5)]}, {ONE: [(0, 0, "a", 9)]}, {TWO: [(0, 0, "a", 9), (1, 1, "b", 5)]}, {}],
)
def test_another_name_or_fewer_rows_or_days_are_another_version(changed):
    labels = labels_of(changed)

    assert choose_data_version(labels, labels_of(FIRST), "v1") == digest_table(labels)


def test_the_first_version_is_the_digest_of_the_rows():
    labels = labels_of(FIRST)

    assert choose_data_version(labels, None, None) == digest_table(labels) == digest_table(labels_of(FIRST))
    assert choose_data_version(labels, labels, None) == digest_table(labels)
    assert digest_table(labels) != digest_table(labels_of({}))
