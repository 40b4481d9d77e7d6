"""k-anonymity is the size of the smallest group, and small groups can be dropped."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.privacy.k_anonymity import KAnonymity, drop_small_groups, measure_k_anonymity

ROWS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["en", "de", None]), st.integers(0, 3)), max_size=40)
KNOWN = ["persona", "language"]


def table(rows):
    columns = list(zip(*rows, strict=True)) or [[], [], []]
    return pa.table(
        {
            "persona": pa.array(columns[0], pa.int32()),
            "language": pa.array(columns[1], pa.string()),
            "hours": pa.array(columns[2], pa.int64()),
        }
    )


def test_k_is_the_size_of_the_smallest_group():
    users = table([(0, "en", 1), (0, "en", 2), (0, None, 1), (0, None, 1), (0, None, 1)])

    assert measure_k_anonymity(users, KNOWN) == KAnonymity(2, 2, 0, None)
    assert measure_k_anonymity(users, KNOWN, sensitive="hours") == KAnonymity(2, 2, 0, 1)
    assert measure_k_anonymity(users, [*KNOWN, "hours"]) == KAnonymity(1, 3, 2, None)


def test_a_table_without_rows_has_no_groups():
    assert measure_k_anonymity(table([]), KNOWN, sensitive="hours") == KAnonymity(0, 0, 0, 0)


@given(ROWS, st.integers(1, 6))
def test_small_groups_are_dropped_and_counted_and_no_others(rows, k):
    kept, dropped = drop_small_groups(table(rows), KNOWN, k=k)

    assert len(kept) + dropped == len(rows)
    assert not len(kept) or measure_k_anonymity(kept, KNOWN).k >= k
    expected = [row for row in rows if sum(row[:2] == other[:2] for other in rows) >= k]
    assert [tuple(row.values()) for row in kept.to_pylist()] == expected


@given(ROWS.filter(bool))
def test_figures_are_those_of_pycanon(rows):
    """Needs pycanon, which the extras of this project do not have: it brings libraries for reports."""
    anonymity = pytest.importorskip("pycanon.anonymity")
    # pandas groups drop missing values, so that a value stands for them.
    frame = table([(one, two or "none", three) for one, two, three in rows]).to_pandas()
    ours = measure_k_anonymity(table(rows), KNOWN, sensitive="hours")

    assert ours.k == anonymity.k_anonymity(frame, KNOWN)
    assert ours.distinct_sensitive == anonymity.l_diversity(frame, KNOWN, ["hours"])


def test_missing_columns_and_a_k_of_zero_are_refused():
    with pytest.raises(ValueError, match="column"):
        measure_k_anonymity(table([]), [])
    with pytest.raises(ValueError, match="k of at least 1"):
        drop_small_groups(table([]), KNOWN, k=0)
