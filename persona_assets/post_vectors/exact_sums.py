"""Add vectors up without rounding, so that their order does not show in the sum."""

import numpy as np
import numpy.typing as npt

# Sums are kept in units of 2**-32, far below the last bit of a float32 component (2**-24). Whole numbers add
# up without rounding in float64 below 2**53, so up to 2**21 vectors give the same sum in any order.
UNITS = 2.0**32


def add_by_row(sums: npt.NDArray[np.float64], rows: npt.NDArray[np.int64], vectors: npt.NDArray[np.floating]) -> None:
    """Add each vector, in units of `1 / UNITS`, to its row of `sums`."""
    import scipy.sparse  # noqa: PLC0415 - 0.1 s, and definitions must load fast

    if not len(rows):
        return
    there, group = np.unique(rows, return_inverse=True)
    groups = scipy.sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))))
    sums[there] += groups @ np.rint(vectors.astype(np.float64, copy=False) * UNITS)


def directions(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the rows of `sums` with length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    return (sums / np.where(lengths > 0, lengths, 1)[:, None]).astype(np.float32)
