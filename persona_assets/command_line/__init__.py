"""What `dg launch` and `dagster asset materialize`, which run assets in their own process, need beside the graph."""
