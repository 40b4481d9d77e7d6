"""The jobs of the graph, in their order: each reads days that the one before must have made; and one for a new day.

An asset joins the jobs by its tag `stage`.
"""

import functools
import operator

import dagster as dg


def _of_stages(*stages: str) -> dg.AssetSelection:
    return functools.reduce(operator.or_, (dg.AssetSelection.tag("stage", stage) for stage in stages))


# The stages of assets, by what one materialization is made from.
DAY_STAGES = ("capture", "days")  # a day of the capture
WINDOW_STAGES = ("personas", "results")  # the window that ends at the day
ALL_DAYS_STAGES = ("all_days",)  # every day there is: no partitions

prepare_days = dg.define_asset_job(
    "prepare_days",
    selection=_of_stages(*DAY_STAGES),
    description="Bring days up to their embeddings: parse, extract, filter, embed. Days are independent of each other.",
)

make_personas = dg.define_asset_job(
    "make_personas",
    selection=_of_stages(*WINDOW_STAGES, *ALL_DAYS_STAGES),
    description="Make the personas of the window that ends at a day: users, clusters, their files, their identity over "
    "the days, and statistics. Days in their order: a report shows the identities that its run found.",
)

# After days that were made side by side, or out of order: what is over all days is made again, once.
trace_personas = dg.define_asset_job(
    "trace_personas",
    selection=_of_stages(*ALL_DAYS_STAGES),
    description="Follow personas from day to day and name them, over all days that have clusters.",
)

process_day = dg.define_asset_job(
    "process_day",
    selection=_of_stages(*DAY_STAGES, *WINDOW_STAGES, *ALL_DAYS_STAGES),
    description="Prepare a new day, make the personas of the window that ends with it, and follow them: what the "
    "schedule and the sensor run, one day at a time. Not for a backfill, which would make the personas of every day.",
)

JOBS = (prepare_days, make_personas, process_day, trace_personas)
