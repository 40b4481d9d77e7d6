"""`make bench-gpu` runs where the package's dependencies are missing, on a processor too."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# What a machine that is lent with a GPU does not have. sentence-transformers may be there; the loop that stands for it
# is the quicker one.
_MISSING = "dagster duckdb xxhash msgspec gensim pycld2 pydantic pydantic_settings sentence_transformers"
_RUN = f"""
import importlib.util, runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {_MISSING.split()!r}:
            raise ModuleNotFoundError(name)

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {_MISSING.split()!r} else find(name, package)
sys.meta_path.insert(0, Missing())
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_benchmark_of_a_gpu_needs_torch_and_transformers_alone(tmp_path):
    """Its table has a row for each way, and the work is done by what the package itself runs."""
    out = tmp_path / "table.md"
    script = ROOT / "benchmarks/bench_gpu.py"
    arguments = ["--device", "cpu", "--smoke", "--shapes", "MiniLM", "--out", str(out)]

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = sys.argv[1:]\n{_RUN}", str(script), *arguments],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split(" | ") for line in out.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert {"| encode", "| stream", "| plain loop", "| tokenise", "| matrix product"} <= {row[0] for row in rows}
    cosines = [float(row[-1].rstrip(" |")) for row in rows if row[0] == "| encode"]
    assert len(cosines) == 4
    assert min(cosines) > 0.999
