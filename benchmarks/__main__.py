"""`make bench`: run every benchmark, one after the other. Each prints its own table.

`python -m benchmarks raw_events clusters` runs those named.
"""

import argparse
import subprocess
import sys
from pathlib import Path

SCRIPTS = {script.stem.removeprefix("bench_"): script for script in sorted(Path(__file__).parent.glob("bench_*.py"))}

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}; default: all")
names = parser.parse_args().names
if unknown := [name for name in names if name not in SCRIPTS]:
    parser.error(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(SCRIPTS)}")
for name in names or SCRIPTS:
    print(f"\n== {name}", flush=True)
    subprocess.run([sys.executable, str(SCRIPTS[name])], check=True)
