"""The jobs of the graph, in their order: each reads days that the one before must have made; and one for a new day."""

import dagster as dg

DAY_ASSETS = ("raw_events", "rejected_lines", "user_actions", "english_posts", "embeddings")
PERSONA_ASSETS = ("english_users", "clusters", "cluster_jsonl", "cluster_stats")
LINEAGE_ASSETS = ("lineage",)

prepare_days = dg.define_asset_job(
    "prepare_days",
    selection=list(DAY_ASSETS),
    description="Bring days up to their embeddings: parse, extract, filter, embed. Days are independent of each other.",
)

make_personas = dg.define_asset_job(
    "make_personas",
    selection=list(PERSONA_ASSETS),
    description="Make the personas of the window that ends at a day: users, clusters, their files and statistics.",
)

# Not part of make_personas, whose days may run side by side: this reads the clusters of all of them, once.
trace_personas = dg.define_asset_job(
    "trace_personas",
    selection=list(LINEAGE_ASSETS),
    description="Follow personas from day to day, over all days that have clusters.",
)

process_day = dg.define_asset_job(
    "process_day",
    selection=[*DAY_ASSETS, *PERSONA_ASSETS, *LINEAGE_ASSETS],
    description="Prepare a new day, make the personas of the window that ends with it, and follow them: what the "
    "schedule and the sensor run, one day at a time. Not for a backfill, which would make the personas of every day.",
)

JOBS = (prepare_days, make_personas, process_day, trace_personas)
