# What a shell needs in which the project's environment is active; `make install` appends it to .venv/bin/activate.

# Where Dagster keeps runs and events: without it each command has an instance of its own, which ends with it.
export DAGSTER_HOME="${DAGSTER_HOME:-${VIRTUAL_ENV%/*}/dagster_home}"

# `dagster asset` does not read pyproject.toml, as `dg` and the other commands of `dagster` do: it asks for -m, or for these.
export DAGSTER_CLI_ASSET_LIST_MODULE_NAME=persona_assets.definitions
export DAGSTER_CLI_ASSET_MATERIALIZE_MODULE_NAME=persona_assets.definitions
