"""Simulators' own loaders, from the folder that `make simulators` installs them into without what they depend on."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / ".simulators"

needs_simulators = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="needs the simulators' packages: run `make simulators`"
)


def load_module(file):
    """Load one module of a package in `FOLDER`, without its package, which imports what is not installed."""
    spec = importlib.util.spec_from_file_location(f"simulators_{Path(file).stem}", FOLDER / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def import_package(name):
    """Import a package from `FOLDER`."""
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FOLDER))
