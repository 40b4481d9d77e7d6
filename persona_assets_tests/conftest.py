"""Fixtures for all tests."""

import subprocess
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Captures and reference output that lie beside the repository; tests skip where they do not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no {SHARED_DATA.parent.name}/{SHARED_DATA.name} beside the repository")
    return SHARED_DATA


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
