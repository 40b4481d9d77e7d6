"""Fixtures for all tests."""

import datetime as dt
import multiprocessing.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import hypothesis
import pytest

from persona_assets_tests.whole_graph import DAY, STEPS

# The shell may have PERSONA_* settings. And a make that a test starts must not see the variables of the make that
# started the tests: as a sub-make it would print the folders that it enters.
for _name in [name for name in os.environ if name.startswith(("PERSONA_", "MAKE", "MFLAGS"))]:
    del os.environ[_name]

# Threads of OpenMP and BLAS spin while they wait, and take the cores from other workers: with two of them on two cores
# gradient boosting took ten times as long. They sleep instead, and each worker of xdist takes its share of the cores.
# Libraries read this when they are loaded, so nothing above may import numpy. Child processes inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
if _workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, str(max(1, (os.cpu_count() or 1) // _workers)))

# Processes that a process starts find it by a socket in this folder, which is made once, where TMPDIR then is. A test
# may set TMPDIR to its own folder, which is removed after the test.
multiprocessing.util.get_temp_dir()

# The time of an example depends on the load of the machine, not only on the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


# Files that take minutes, the longest first, as measured with two workers on two cores.
SLOWEST = (
    *("test_kills.py", "executors/test_many_nodes.py", "executors/test_slurm.py", "test_faults.py", "test_docs_run.py"),
    *("automation/test_triggers.py", "test_browser.py", "test_commands.py", "command_line/test_day_ranges.py"),
    *("test_loading.py", "test_remote_storage.py", "test_stopping.py", "test_threads.py", "sample/test_demo.py"),
)


def pytest_collection_modifyitems(items):
    """Run the files that take minutes first, so that no worker still runs one when the others have finished."""
    rank = {str(Path(__file__).parent / name): number for number, name in enumerate(SLOWEST)}

    def order(item):
        return rank.get(str(item.path), len(rank) + (item.get_closest_marker("slow") is None))

    first = {}  # the tests of a file stay together: its fixtures are made once
    for item in items:
        first[item.path] = min(order(item), first.get(item.path, len(rank) + 1))
    items.sort(key=lambda item: first[item.path])


@pytest.fixture(scope="session")
def third_party_data():
    """Return a function that finds third-party data next to the repository, and skips the test if it is missing."""

    def find(place: str, what: str) -> Path:
        found = SHARED_DATA / place
        if not found.exists():
            pytest.skip(f"needs third-party data that is not ours to copy: {what}")
        return found

    return find


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, which only root can mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    # Lazy unmount: the traceback of the error may still have a file open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Settings of runs over a small capture, without PERSONA_DATA."""
    from persona_assets.sample.write import write_capture  # noqa: PLC0415 - loads numpy, see above

    capture = tmp_path_factory.mktemp("capture") / "capture"
    write_capture(capture, days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=5)
    return {
        "PERSONA_CAPTURE": str(capture),
        "PERSONA_N_CLUSTERS": "2",
        "PERSONA_WORKERS": "1",
        "PERSONA_ADD_IGNORED_MESSAGES": "true",
        "PERSONA_ASSIGN_TO": DAY,
    }


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, environment):
    """The results of undisturbed runs."""
    from persona_assets_tests.dying import materialize  # noqa: PLC0415 - loads the definitions

    data = tmp_path_factory.mktemp("undisturbed") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(data.parent))  # the machine lock of embedding steps is a file in it
        for name, value in {**environment, "PERSONA_DATA": str(data)}.items():
            patch.setenv(name, value)
        for step in STEPS:
            materialize(step, DAY)
    return data


@pytest.fixture
def data(undisturbed, environment, tmp_path, monkeypatch):
    """A copy of the undisturbed results, for the runs of one test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, value in {**environment, "PERSONA_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    return shutil.copytree(undisturbed, tmp_path / "data")
