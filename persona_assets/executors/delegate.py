"""Make an executor from another one: what it starts with is the caller's, all else is the other's."""

from collections.abc import Callable

import dagster as dg

Create = Callable[[dg.InitExecutorContext], dg.Executor]


def wrap_executor(
    executor: dg.ExecutorDefinition, create_by: Callable[[Create, dg.InitExecutorContext], dg.Executor]
) -> dg.ExecutorDefinition:
    """Return the executor with its name, schema and requirements, created by `create_by`.

    Args:
        executor: The one that is wrapped.
        create_by: Is called when a run starts, with what creates `executor`, and with that one's context.

    Raises:
        TypeError: The executor cannot be started.
    """
    create = executor.executor_creation_fn
    if create is None:
        raise TypeError(f"executor {executor.name} cannot be started")
    return dg.ExecutorDefinition(
        executor.name,
        # Dagster takes a schema that is made, as it does from `configured`, but does not say so.
        config_schema=executor.config_schema,  # pyright: ignore[reportArgumentType]
        requirements=executor.get_requirements,
        executor_creation_fn=lambda context: create_by(create, context),
        description=executor.description,
    )
