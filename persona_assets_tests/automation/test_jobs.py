"""The jobs: what a day needs, and what a window is turned into."""

import datetime as dt

import pytest

from persona_assets.automation.jobs import DAY_ASSETS, LINEAGE_ASSETS, PERSONA_ASSETS
from persona_assets.definitions import build_definitions
from persona_assets.settings import read_settings


@pytest.mark.parametrize(
    ("job", "assets"),
    [("prepare_days", DAY_ASSETS), ("make_personas", PERSONA_ASSETS)],
)
def test_a_job_makes_its_assets_day_by_day(job, assets):
    settings = read_settings({"PERSONA_START_DATE": "2025-02-03"})

    made = build_definitions(settings).resolve_job_def(job)

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(assets)
    assert made.partitions_def.start.date() == dt.date(2025, 2, 3)


def test_personas_are_traced_once_for_all_days():
    made = build_definitions(read_settings({})).resolve_job_def("trace_personas")

    assert {key.to_user_string() for key in made.asset_layer.selected_asset_keys} == set(LINEAGE_ASSETS)
    assert made.partitions_def is None
