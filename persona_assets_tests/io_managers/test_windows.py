"""Which days of a window are there, in their order."""

import dagster as dg
import pytest
from upath import UPath

from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.windows import days_made, days_present


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


def test_no_day_at_all_is_an_error_too(context):
    with pytest.raises(MissingPartitionError, match="clusters has not been materialized"):
        days_present(context, {})


def test_whatever_days_were_made_come_in_their_order(context, window):
    window["2025-03-03"].unlink()
    window["2025-03-02"].touch()

    assert [path.name for path in days_made(context, window)] == ["2025-03-01.parquet", "2025-03-02.parquet"]


@pytest.mark.parametrize("folder", ["there", "not there"])
def test_days_of_which_none_was_made_are_an_error(context, tmp_path, folder):
    (tmp_path / "there").mkdir()

    with pytest.raises(MissingPartitionError, match="clusters has not been materialized for any day"):
        days_made(context, {"2025-03-01": UPath(tmp_path / folder / "2025-03-01.parquet")})
