"""Make instants coarse or relative: the exact microsecond of a post finds it in any copy of the network."""

import numpy as np
import numpy.typing as npt


def coarsen_instants(times_us: npt.NDArray[np.int64], unit_us: int) -> npt.NDArray[np.int64]:
    """Round each time down to a multiple of `unit_us`: int64 `(n,)`, microseconds since 1970 (UTC).

    Args:
        times_us: `(n,)`, microseconds since 1970; those before 1970 are rounded down too.
        unit_us: Length of the unit, such as `utc_times.HOUR_US` or `DAY_US`. At least 1.

    Raises:
        ValueError: The unit is shorter than a microsecond.
    """
    if unit_us < 1:
        raise ValueError("The unit of time must be at least a microsecond.")
    return times_us - times_us % unit_us


def elapsed_since_group_start(
    times_us: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], unit_us: int = 1
) -> npt.NDArray[np.int64]:
    """Return the time since the earliest instant of the same group, in whole units of `unit_us`: int64 `(n,)`.

    The lines of the published form count from the first message of the line in this way.

    Args:
        times_us: `(n,)`, microseconds.
        groups: `(n,)`, a number of each row's group: a line, for example. Any integers.
        unit_us: Length of the unit. At least 1.

    Raises:
        ValueError: The unit is shorter than a microsecond, or there are not as many groups as instants.
    """
    if unit_us < 1:
        raise ValueError("The unit of time must be at least a microsecond.")
    if times_us.shape != groups.shape:
        raise ValueError("Each instant needs a group.")
    if not len(times_us):
        return times_us.copy()
    _, numbers = np.unique(groups, return_inverse=True)
    first = np.full(int(numbers.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, numbers, times_us)
    return (times_us - first[numbers]) // unit_us
