"""What runs the graph without a person: jobs for backfills and schedules."""
