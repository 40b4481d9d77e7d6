"""The first asset of the graph, which a backfill of many days makes in a short time."""

import dagster as dg

from persona_assets.definitions import STEPS, build_definitions
from persona_assets.settings import read_settings


def build() -> dg.Definitions:
    """Return the definitions of `raw_events` alone, with the job `parse_days`."""
    made = build_definitions(read_settings(), steps={name: STEPS[name] for name in ("captured_events", "raw_events")})
    parse_days = dg.define_asset_job("parse_days", selection=dg.AssetSelection.assets("raw_events", "rejected_lines"))
    return dg.Definitions(assets=made.assets, jobs=[parse_days], resources=made.resources, executor=made.executor)


defs = build()
