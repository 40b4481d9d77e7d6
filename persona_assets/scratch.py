"""A folder for what a step spills and spools, gone when the run is over."""

import tempfile
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr


class Scratch(dg.ConfigurableResource[Any]):
    """Temporary folders below `TMPDIR`, which a cluster sets to the node's own fast disk."""

    _root: tempfile.TemporaryDirectory[str] | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Make the run's folder."""
        del context
        self._root = tempfile.TemporaryDirectory(prefix="persona_assets-", ignore_cleanup_errors=True)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Remove the run's folder and all that is left in it."""
        del context
        if self._root is not None:
            self._root.cleanup()

    def new_folder(self) -> Path:
        """Return a new empty folder that lasts until the run is over."""
        if self._root is None:
            raise RuntimeError("the scratch resource was not set up: Dagster does that before a step")
        return Path(tempfile.mkdtemp(dir=self._root.name))
