"""`make bench`: every benchmark, one after the other, each of which prints its own table."""

import subprocess
import sys
from pathlib import Path

for script in sorted(Path(__file__).parent.glob("bench_*.py")):
    print(f"\n== {script.stem.removeprefix('bench_')}", flush=True)
    subprocess.run([sys.executable, str(script)], check=True)
