"""Sum vectors without rounding errors, so that the sum does not depend on their order."""

import numpy as np
import numpy.typing as npt

# Sums are in units of 2**-32, which is smaller than the last bit of a float32 component (2**-24). float64 adds whole
# numbers without rounding below 2**53, so that up to 2**21 vectors give the same sum in any order.
UNITS_PER_ONE = 2.0**32
# Vectors are added in blocks that stay in the processor's cache, which takes half of the time.
_BLOCK_ROWS = 512


def add_by_row(
    sums_in_units: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.floating]
) -> None:
    """Add vector `i`, rounded to units of 2**-32, to row `rows[i]` of `sums_in_units`, in place.

    `sums_in_units` is in these units too, so that the sums do not depend on the order of the vectors.

    Args:
        sums_in_units: `(n_rows, d)`, in units of `1 / UNITS_PER_ONE`.
        rows: `(n_vectors,)`, may repeat.
        vectors: `(n_vectors, d)`, components from -1 to 1; each is rounded to a whole number of units.
    """
    import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        distinct_rows, group = np.unique(rows[block], return_inverse=True)
        groups = scipy.sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
        sums_in_units[distinct_rows] += groups @ _count_units(vectors[block])


def _count_units(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return components as whole numbers of units, float64. A power of two scales float32 without rounding."""
    dtype = np.promote_types(vectors.dtype, np.float32)
    units = np.multiply(vectors, UNITS_PER_ONE, dtype=dtype)
    return np.rint(units, out=units).astype(np.float64, copy=False)


def to_unit_vectors(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the rows of `sums` scaled to unit length, float32; rows of zeros stay zeros."""
    norms = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return (sums / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
