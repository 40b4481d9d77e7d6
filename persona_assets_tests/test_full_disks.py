"""A disk that is full at twenty points of the graph: each time one error that says so, and no partial results."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from persona_assets.errors import StorageError
from persona_assets_tests.dying import materialize
from persona_assets_tests.whole_graph import DAY, STEPS, forget, hidden_files, stored

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]

PAGE = 4096
FREE_BYTES = 64 * 2**20
# Free space of each step as a share of what it writes: none or half. Also for the vector cache.
DATA_POINTS = [*((step, 0.5) for step in STEPS), ("embeddings", 0.0), ("vector_store", 0.5)]
# Numbers of free pages of scratch.
SCRATCH_POINTS = [
    ("raw_events", 10),
    ("raw_events", 20),
    ("user_actions", 10),
    ("user_actions", 40),
    ("english_posts", 2),
    ("english_posts", 4),
    ("embeddings", 4),
    ("embeddings", 16),
    ("cluster_jsonl", 2),
    ("cluster_jsonl", 6),
]


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """Mount a disk of `size` bytes at `place`."""
    place.mkdir(parents=True)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def used(place: Path) -> int:
    return shutil.disk_usage(place).used


def resize(place: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


def assert_said_and_mended(step: str, disk: Path, data: Path, undisturbed: Path) -> None:
    """Assert that the error names the full disk, no result is partial, and the next run, with space, succeeds."""
    before = stored(data)
    with pytest.raises((StorageError, dg.Failure)) as caught:
        materialize(step, DAY)

    message = str(caught.value) if isinstance(caught.value, StorageError) else f"{caught.value.description}"
    assert "no space left while writing" in message or "a join or sort needs more than its memory" in message
    assert "TMPDIR" in message
    assert before.items() <= stored(data).items() <= stored(undisturbed).items()
    assert hidden_files(data) == []

    del caught  # the traceback has open files, which keeps the disk busy
    resize(disk, FREE_BYTES)
    materialize(step, DAY)

    assert stored(data) == stored(undisturbed)
    assert hidden_files(data) == []


@pytest.mark.parametrize(("step", "share"), DATA_POINTS)
def test_a_full_disk_of_data(step, share, undisturbed, data, monkeypatch):
    disk = data.with_name("small")
    monkeypatch.setenv("PERSONA_DATA", str(disk / "data"))
    with small_disk(disk, FREE_BYTES):
        shutil.move(data, disk / "data")
        full = used(disk)
        if step in {"embeddings", "vector_store"}:
            shutil.rmtree(disk / "data" / "vector_store")
        if step != "vector_store":
            forget(disk / "data", step)
        resize(disk, int(used(disk) + share * (full - used(disk))) // PAGE * PAGE)

        assert_said_and_mended("embeddings" if step == "vector_store" else step, disk, disk / "data", undisturbed)


@pytest.mark.parametrize(("step", "pages"), SCRATCH_POINTS)
def test_a_full_disk_of_scratch(step, pages, undisturbed, data, monkeypatch):
    disk = data.with_name("small")
    if step == "embeddings":
        shutil.rmtree(data / "vector_store")
    forget(data, step)
    with small_disk(disk, pages * PAGE):
        monkeypatch.setattr(tempfile, "tempdir", str(disk))

        assert_said_and_mended(step, disk, data, undisturbed)

        left = {path.name for path in disk.iterdir() if path.name.startswith("persona_assets-")}
        assert left <= {f"persona_assets-lock-{os.geteuid()}"}
