"""Which days of a window are there, in their order."""

import dagster as dg
import pytest
from upath import UPath

from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.windows import days_present


@pytest.fixture
def context():
    return dg.build_input_context(asset_key=dg.AssetKey("clusters"))


@pytest.fixture
def window(tmp_path):
    """Three days, given in disorder, of which the second was never made."""
    paths = {day: UPath(tmp_path / f"{day}.parquet") for day in ("2025-03-03", "2025-03-01", "2025-03-02")}
    for day in ("2025-03-01", "2025-03-03"):
        paths[day].touch()
    return paths


def test_the_days_that_are_there_come_in_their_order(context, window):
    assert [path.name for path in days_present(context, window)] == ["2025-03-01.parquet", "2025-03-03.parquet"]


def test_the_last_day_must_be_there(context, window):
    window["2025-03-03"].unlink()

    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for 2025-03-03"):
        days_present(context, window)


def test_a_long_hole_is_said_in_few_words(tmp_path, capfd):
    paths = {f"2025-03-{number:02d}": UPath(tmp_path / f"2025-03-{number:02d}.parquet") for number in range(1, 32)}
    paths["2025-03-31"].touch()
    context = dg.build_input_context(asset_key=dg.AssetKey("clusters"))

    days_present(context, paths)

    said = capfd.readouterr().err
    assert "clusters: 30 of 31 days are missing: 2025-03-21, " in said
    assert said.rstrip().endswith("2025-03-30, and earlier ones")


def test_no_day_at_all_is_an_error_too(context):
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized"):
        days_present(context, {})
