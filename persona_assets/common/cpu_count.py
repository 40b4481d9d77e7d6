"""How many threads and processes a step uses at a time: as many as CPUs that this process may use, or fewer.

The number is that of the setting `threads`, else the smaller one of two: the CPUs of the process's affinity, as
`taskset` and Slurm's `--cpus-per-task` set it, and the quota of its control group, as containers and services have it.
The load of the machine does not count, because it changes while a step runs.

Importing this module loads no library, as its number must be known before they are loaded.
"""

import os
from collections.abc import Iterator, MutableMapping
from functools import lru_cache
from pathlib import Path

# By these variables libraries learn the number: OpenMP for torch, scikit-learn, OpenBLAS and pyarrow, Rayon for
# tokenizers. They are read when the libraries are loaded.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")
_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

# The number that `limit_threads` was given for this process, if any.
_limit: list[int] = []


def limit_threads(environment: MutableMapping[str, str], *, variable: str) -> None:
    """Let this process use as many threads as a variable says, or as it has CPUs, and say so to libraries.

    Variables of libraries that are set already remain. They are not set if the libraries find the number themselves, by
    the affinity.

    Args:
        environment: Of this process; `THREAD_VARIABLES` are added.
        variable: Name of the variable. No positive integer: the settings refuse it later, and it does not count here.
    """
    given = environment.get(variable, "")
    number = int(given) if given.isdecimal() and int(given) > 0 else None
    _limit[:] = [] if number is None else [number]
    if number is None and count_threads() == _count_affinity():
        return
    for name in THREAD_VARIABLES:
        if name not in environment:
            environment[name] = str(count_threads())


def count_threads() -> int:
    """Return the number of threads, or of processes with one thread each, that a step may use at a time."""
    return _limit[0] if _limit else count_usable_cpus()


@lru_cache(maxsize=1)  # a millisecond for some files, and clustering asks at each product of matrices
def count_usable_cpus(*, cgroups: Path = _CGROUPS, own_cgroups: Path = _OWN_CGROUPS) -> int:
    """Return the number of CPUs that this process may use, by its affinity and the quota of its control groups.

    Args:
        cgroups: Where control groups are mounted.
        own_cgroups: The file that names those of this process.
    """
    quotas = [-(-quota // period) for quota, period in _read_quotas(cgroups, own_cgroups)]
    return max(1, min([_count_affinity(), *quotas]))


def _count_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_quotas(cgroups: Path, own_cgroups: Path) -> Iterator[tuple[int, int]]:
    """Yield (microseconds of CPU, of time) that each control group of this process allows."""
    try:
        lines = own_cgroups.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not Linux, or not shown
        return
    for line in lines:  # number:controllers:path
        _, _, of_group = line.partition(":")
        controllers, _, path = of_group.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounted = cgroups / controllers if controllers else cgroups
        group = mounted / path.lstrip("/")
        # A quota of a group above holds too. In a container the path may be that outside, which is not mounted.
        for folder in (group, *group.parents):
            if folder == cgroups.parent:
                break
            if quota := _read_quota(folder, is_unified=not controllers):
                yield quota


def _read_quota(folder: Path, *, is_unified: bool) -> tuple[int, int] | None:
    names = ("cpu.max",) if is_unified else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    try:
        numbers = " ".join((folder / name).read_text(encoding="utf-8") for name in names).split()
        quota, period = (int(number) for number in numbers)
    except (OSError, ValueError):  # no such file; "max" for no quota
        return None
    return (quota, period) if quota > 0 and period > 0 else None
