"""Say in words which `PERSONA_*` variables are wrong, and which numbers a setting may be."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic


def explain_setting_errors(error: pydantic.ValidationError, known: Sequence[str], *, prefix: str) -> str:
    """Return a text that says what is wrong with each variable, and suggests a name for an unknown one.

    Args:
        error: Of reading the settings.
        known: Names of all settings, in capitals and without prefix.
        prefix: Of the variables.
    """
    lines = []
    for problem in error.errors():
        variable = f"{prefix}{'.'.join(map(str, problem['loc'])).upper()}"
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(variable.removeprefix(prefix), known, n=1)
            meant = (
                f"did you mean {prefix}{near[0]}?" if near else f"the settings are {prefix}" + f", {prefix}".join(known)
            )
            lines.append(f"{variable} is not a setting; {meant}")
        elif not problem["loc"]:  # of several settings, which its message names
            lines.append(problem["msg"].removeprefix("Value error, "))
        else:
            lines.append(f"{variable}={problem['input']!r}: {problem['msg']}")
    return "; ".join(lines)


def describe_bounds(bounds: Mapping[str, Any]) -> str:
    """Return the bounds of a number in words, for the run config's description: Dagster's types have no bounds."""
    least, most = bounds.get("ge"), bounds.get("le")
    if least is None and most is None:
        return ""
    return f" From {least} to {most}." if most is not None else f" At least {least}."
