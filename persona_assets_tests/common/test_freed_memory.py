"""Freed memory is returned to the system."""

import platform
import re
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from persona_assets.common.freed_memory import return_freed_memory

def read_resident():
    status = open("/proc/self/status").read()
    return int(status.split("RssAnon:")[1].split()[0]) // 1024

# Each is below the threshold from which glibc maps memory, so that it is on the heap.
arrays = [np.ones(12_000) for _ in range(2_000)]
last = np.ones(12_000)
del arrays
before = read_resident()
return_freed_memory()
print(before, read_resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such function")
def test_memory_below_an_array_that_is_in_use_is_returned():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    before, after = map(int, re.findall(r"\d+", done.stdout))
    assert before - after > 150, done.stdout
