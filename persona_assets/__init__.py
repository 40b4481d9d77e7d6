"""Turn Bluesky Jetstream captures into personas: a Dagster graph from raw event files to clusters of users."""
