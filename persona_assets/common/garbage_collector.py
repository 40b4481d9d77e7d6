"""Switch the garbage collector off for loops that make many objects and no cycles."""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def garbage_collector_off() -> Generator[None]:
    """Disable the garbage collector in the block, which would scan all objects of the process again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
