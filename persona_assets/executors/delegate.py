"""Wrap an executor, so that other code can run when it is created."""

from collections.abc import Callable

import dagster as dg

CreateExecutor = Callable[[dg.InitExecutorContext], dg.Executor]


def wrap_executor(
    executor: dg.ExecutorDefinition, create_by: Callable[[CreateExecutor, dg.InitExecutorContext], dg.Executor]
) -> dg.ExecutorDefinition:
    """Return `executor`'s definition with the same config schema, except that `create_by` creates the executor.

    Args:
        executor: Definition of the executor to wrap.
        create_by: Called when a run starts. Its arguments are the function that creates the wrapped executor, and that
            function's argument.

    Raises:
        TypeError: The definition has no creation function.
    """
    create = executor.executor_creation_fn
    if create is None:
        raise TypeError(f"executor {executor.name} has no creation function")
    return dg.ExecutorDefinition(
        executor.name,
        # Dagster accepts a schema that is already built, as `configured` passes it, but the annotation lacks it.
        config_schema=executor.config_schema,  # pyright: ignore[reportArgumentType]
        requirements=executor.get_requirements,
        executor_creation_fn=lambda context: create_by(create, context),
        description=executor.description,
    )
