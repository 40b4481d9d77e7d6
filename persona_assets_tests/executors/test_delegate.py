"""A wrapped executor has the definition of the original one."""

import dagster as dg
import pytest

from persona_assets.executors.delegate import wrap_executor


def test_a_wrapped_executor_keeps_its_definition_and_is_created_by_the_caller():
    wrapped = wrap_executor(dg.in_process_executor, lambda create, context: (create, context))

    for said in ("name", "description", "config_schema"):
        assert getattr(wrapped, said) is getattr(dg.in_process_executor, said)
    assert wrapped.executor_creation_fn("context") == (dg.in_process_executor.executor_creation_fn, "context")


def test_an_executor_without_a_creation_function_is_refused():
    with pytest.raises(TypeError, match="executor nothing has no creation function"):
        wrap_executor(dg.ExecutorDefinition("nothing"), lambda create, context: create(context))
