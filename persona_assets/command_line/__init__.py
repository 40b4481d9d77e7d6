"""Support for commands: `dg launch` and `dagster asset materialize`, finding personas, and serving reports."""
