"""A folder for what a step spills and spools, gone when the run is over."""

import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout
from pydantic import PrivateAttr

from persona_assets.common.interrupts import holding_signals

_PREFIX, _LOCK = "persona_assets-", ".in-use"
# A lock file is made an instant before it is locked.
_LOCKED_AFTER_SECONDS = 60


class Scratch(dg.ConfigurableResource[Any]):
    """Temporary folders below `TMPDIR`, which a cluster sets to the node's own fast disk.

    The run's folder holds a file that the run has locked: the system lets go of it when the process ends, however
    it ends, and the next run removes the folder.
    """

    _root: tempfile.TemporaryDirectory[str] | None = PrivateAttr(default=None)
    _lock: FileLock | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Make the run's folder, and remove those of runs that were killed."""
        del context
        _remove_abandoned(Path(tempfile.gettempdir()))
        self._root = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
        lock = FileLock(Path(self._root.name) / _LOCK, thread_local=False)
        lock.acquire()
        self._lock = lock

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Remove the run's folder and all that is left in it."""
        del context
        with holding_signals():
            if self._lock is not None:
                self._lock.release()
            if self._root is not None:
                self._root.cleanup()

    def new_folder(self) -> Path:
        """Return a new empty folder that lasts until the run is over."""
        if self._root is None:
            raise RuntimeError("the scratch resource was not set up: Dagster does that before a step")
        return Path(tempfile.mkdtemp(dir=self._root.name))


def _remove_abandoned(folder: Path) -> None:
    """Remove the folders of runs below `folder` that have ended without doing so: nobody holds their locks."""
    for file in folder.glob(f"{_PREFIX}*/{_LOCK}"):
        # In use, another user's, or being removed by another run.
        with suppress(Timeout, OSError):
            if time.time() - file.stat().st_mtime > _LOCKED_AFTER_SECONDS:
                with FileLock(file, blocking=False):
                    shutil.rmtree(file.parent, ignore_errors=True)
