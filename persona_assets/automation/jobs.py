"""The jobs of the graph. Their assets are selected by the asset tag `stage`.

`prepare_days`, `make_personas` and `trace_personas` each need the results of the one before. `process_day` runs all
assets for one new day but `user_assignments`, which the job `assign_users` makes.
"""

import functools
import operator

import dagster as dg


def _select_stages(*stages: str) -> dg.AssetSelection:
    return functools.reduce(operator.or_, (dg.AssetSelection.tag("stage", stage) for stage in stages))


# Values of the tag `stage`, by the input of one materialization.
DAY_STAGES = ("capture", "days")  # one day of the capture
# All stored days, of what accounts allow: no partitions. With each day, so that it holds the refusals of that day.
CONSENT_STAGES = ("consents",)
WINDOW_STAGES = ("personas", "results")  # the window that ends at the day
ASSIGNMENT_STAGES = ("assignments",)  # the window that ends at the day, and clusters of an earlier day
ALL_DAYS_STAGES = ("all_days",)  # all stored days; these assets have no partitions

prepare_days = dg.define_asset_job(
    "prepare_days",
    selection=_select_stages(*DAY_STAGES, *CONSENT_STAGES),
    description="Bring days up to their embeddings: parse, extract, filter, embed, and note what accounts allow. Days "
    "are independent of each other.",
)

make_personas = dg.define_asset_job(
    "make_personas",
    # Days that were prepared side by side do not know each other's refusals. All are stored by now: what they say is
    # read again, and a check names the days whose embeddings hold accounts that refuse.
    selection=_select_stages(*CONSENT_STAGES, *WINDOW_STAGES, *ALL_DAYS_STAGES),
    description="Make the personas of the window that ends at a day: users, clusters, their files, their identity over "
    "the days, and statistics, after reading anew what accounts allow. Days in their order: a report shows the "
    "identities that its run found.",
)

# For use after days were made in parallel or out of order: remakes the assets over all days once.
trace_personas = dg.define_asset_job(
    "trace_personas",
    selection=_select_stages(*ALL_DAYS_STAGES),
    description="Follow personas from day to day and name them, over all days that have clusters.",
)

process_day = dg.define_asset_job(
    "process_day",
    selection=_select_stages(*DAY_STAGES, *CONSENT_STAGES, *WINDOW_STAGES, *ALL_DAYS_STAGES),
    description="Prepare a new day, make the personas of the window that ends with it, and follow them: what the "
    "schedule and the sensor run, one day at a time. Not for a backfill, which would make the personas of every day.",
)

# Not a part of process_day, which makes clusters of the day: a day without an earlier one would fail there.
assign_users = dg.define_asset_job(
    "assign_users",
    selection=(_select_stages(*ASSIGNMENT_STAGES).upstream() | _select_stages(*DAY_STAGES)).materializable(),
    description="Prepare a new day and assign the users of its window to the personas of an earlier day, without new "
    "clusters. Its checks say when new clusters are advised.",
)

JOBS = (prepare_days, make_personas, process_day, trace_personas, assign_users)
