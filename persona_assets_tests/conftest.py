"""Fixtures for all tests."""

import datetime as dt
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import hypothesis
import pytest

from persona_assets.sample.write import write_capture
from persona_assets_tests.whole_graph import DAY, STEPS

# Whoever runs the tests may have settings of their own in their shell. A make that a test starts must not take itself
# for part of the make that started the tests: it would print the folders that it enters.
for _name in [name for name in os.environ if name.startswith(("PERSONA_", "MAKE", "MFLAGS"))]:
    del os.environ[_name]

# How long an example takes says how busy the machine is, nothing of the code.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


def pytest_collection_modifyitems(items):
    """Begin with what takes minutes, so that no process is left with it when the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("faults") is None)


@pytest.fixture(scope="session")
def third_party_data():
    """Return where data of third parties lies beside the repository; tests skip by its name where it does not."""

    def find(place: str, what: str) -> Path:
        found = SHARED_DATA / place
        if not found.exists():
            pytest.skip(f"needs third-party data that is not ours to copy: {what}")
        return found

    return find


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB, which root can mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield disk
    # Lazily: the error's traceback may still hold a file that could not be written.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """The settings of runs over a small capture, less where their data is."""
    capture = tmp_path_factory.mktemp("capture") / "capture"
    write_capture(capture, days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=5)
    return {
        "PERSONA_CAPTURE": str(capture),
        "PERSONA_N_CLUSTERS": "2",
        "PERSONA_WORKERS": "1",
        "PERSONA_ADD_IGNORED_MESSAGES": "true",
    }


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, environment):
    """The data of runs that nothing happens to."""
    from persona_assets_tests.dying import materialize  # noqa: PLC0415 - loads the definitions

    data = tmp_path_factory.mktemp("undisturbed") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(data.parent))  # embedding takes turns through a file in it
        for name, value in {**environment, "PERSONA_DATA": str(data)}.items():
            patch.setenv(name, value)
        for step in STEPS:
            materialize(step, DAY)
    return data


@pytest.fixture
def data(undisturbed, environment, tmp_path, monkeypatch):
    """A copy of the undisturbed data, for this test's runs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, value in {**environment, "PERSONA_DATA": str(tmp_path / "data")}.items():
        monkeypatch.setenv(name, value)
    return shutil.copytree(undisturbed, tmp_path / "data")
