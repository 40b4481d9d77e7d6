"""A Dagster resource for temporary folders, which are removed when the run ends."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout
from pydantic import PrivateAttr

from persona_assets.common.interrupts import deferring_signals

_PREFIX, _LOCK = "persona_assets-", ".in-use"
# Younger folders are left alone: their run may not have locked its lock file yet.
_MIN_ABANDONED_SECONDS = 60


class Scratch(dg.ConfigurableResource[Any]):
    """Dagster resource that makes temporary folders below `TMPDIR` and removes them when the run ends.

    Each run has one folder with a lock file in it. The system releases the lock when the process ends, even if it is
    killed. The next run then removes the folder.
    """

    _root: tempfile.TemporaryDirectory[str] | None = PrivateAttr(default=None)
    _lock: FileLock | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Create the folder of the run, and remove the folders of runs that were killed."""
        del context
        remove_abandoned_scratch(Path(tempfile.gettempdir()))
        self._root = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        lock = FileLock(Path(self._root.name) / _LOCK, thread_local=False)
        lock.acquire()
        self._lock = lock

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Remove the folder of the run and everything in it."""
        del context
        with deferring_signals():
            if self._lock is not None:
                self._lock.release()
            if self._root is not None:
                self._root.cleanup()

    def new_folder(self) -> Path:
        """Return a new empty folder that exists until the run ends."""
        if self._root is None:
            raise RuntimeError("the scratch resource was not set up: Dagster does that before a step")
        return Path(tempfile.mkdtemp(dir=self._root.name))


def remove_abandoned_scratch(folder: Path) -> int:
    """Remove folders of runs below `folder` whose lock no process holds, and return how many others are in use."""
    in_use = 0
    for file in folder.glob(f"{_PREFIX}*/{_LOCK}"):
        # Skips folders that are in use, belong to another user, or are being removed by another run.
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _MIN_ABANDONED_SECONDS:
                try:
                    with FileLock(file, blocking=False):
                        shutil.rmtree(file.parent, ignore_errors=True)
                except Timeout:
                    in_use += 1
            else:
                in_use += 1
    return in_use
