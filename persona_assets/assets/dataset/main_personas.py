"""Find the persona that most lines of a unit, such as an author or a component, belong to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


def find_main_personas(units: Int64Array, personas: Int32Array) -> tuple[Int64Array, Int32Array, Int64Array]:
    """Return the distinct units, the persona of most lines of each (of several the lowest), and its number of lines.

    Args:
        units: int64 `(n_lines,)`, the unit of each line.
        personas: int32 `(n_lines,)`.

    Returns:
        Distinct units, ascending; the persona of each; the number of lines of each, of all personas.
    """
    names, persona = np.unique(personas, return_inverse=True)
    pairs, counts = np.unique(units * max(len(names), 1) + persona, return_counts=True)
    unit, persona = pairs // max(len(names), 1), pairs % max(len(names), 1)
    order = np.lexsort((persona, -counts, unit))
    distinct, first = np.unique(unit[order], return_index=True)
    sizes = np.add.reduceat(counts[order], first) if len(first) else np.empty(0, np.int64)
    return distinct, names[persona[order][first]], sizes
