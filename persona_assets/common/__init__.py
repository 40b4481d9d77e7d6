"""What several assets share: DuckDB, Parquet files, scratch, metadata, checks and provenance."""
