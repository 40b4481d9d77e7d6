"""Positions of a day's map, with which the map of the day after begins."""

import datetime as dt

import numpy as np
import pytest

from persona_assets.assets.cluster_stats.map_positions import (
    FILE,
    match_earlier_positions,
    positions_to_parquet,
    read_earlier_map,
)

DAY = dt.date(2025, 3, 1)
POSITIONS = np.array([[0.5, -1], [2, 3]], np.float32)


@pytest.fixture
def reports(tmp_path):
    (tmp_path / f"{DAY}").mkdir()
    (tmp_path / f"{DAY}" / FILE).write_bytes(positions_to_parquet(["a", "b"], POSITIONS, DAY))
    return tmp_path


def test_positions_of_the_day_before_are_found_by_user(reports):
    earlier = read_earlier_map(reports, DAY + dt.timedelta(1))

    assert earlier.begins_with == "2025-03-01"
    np.testing.assert_array_equal(
        match_earlier_positions(earlier, ["b", "new", "a"]), [[2, 3], [np.nan, np.nan], [0.5, -1]]
    )


@pytest.mark.parametrize("passed", [0, 2])
def test_without_the_day_before_a_map_begins_anew(reports, passed):
    earlier = read_earlier_map(reports, DAY + dt.timedelta(passed))

    assert earlier.begins_with == "none: the day before has no map"
    assert match_earlier_positions(earlier, ["a"]) is None


def test_a_damaged_file_is_not_used(reports):
    file = reports / f"{DAY}" / FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    file.write_bytes(bytes(content))

    assert read_earlier_map(reports, DAY + dt.timedelta(1)).begins_with.startswith("none: the map of the day before is")
