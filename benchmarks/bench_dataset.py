"""Time and memory of the form `chat` of a data set, beside those of the lines that it is made of.

    python benchmarks/bench_dataset.py                     # 40,000 posts and 160,000 likes, and twice as many
    python benchmarks/bench_dataset.py --posts 3000000 --likes 12000000 --once --steps cluster_jsonl chat

Windows are those of bench_cluster_jsonl.py: a few authors write many posts, and popular posts are liked often. Texts
are of made-up words, so that nearly no personal data is found, but looked for in each. Each step runs in a process of
its own: `cluster_jsonl` (lines and their index), then `chat` with and without removal of personal data, and the gate.
`cpu_by_phase` has the CPU seconds of each phase of a step; a phase within another is counted in both. After
`cluster_jsonl`, each step has two ratios of CPU time to it: of the whole data set, and of writing its forms alone,
without the start, the messages, the split and the gate, which all forms share.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
from bench_cluster_jsonl import WINDOW_TABLES, Size, _peak_mb, make_window

from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.dataset.build import ReleaseInputs, ReleaseOptions, build_release
from persona_assets.assets.dataset.form_rows import Origin
from persona_assets.assets.dataset.gate import measure_release
from persona_assets.assets.dataset.personas import Persona
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.common.progress import reporting_progress
from persona_assets.io_managers.persona_files import ClusterFolderContents, write_cluster_folder
from persona_assets.text_encoder.model import EMBEDDED
from persona_assets.text_encoder.token_counts import load_token_counter

DAY = dt.date(2025, 3, 1)
MEMORY = "4GB"


def make_lines(window: Path, out: Path) -> dict[str, float]:
    """Write the lines of a window and their index, as the asset does."""
    given = {name: pads.dataset(window / f"{name}.parquet") for name in WINDOW_TABLES}
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        made = build_lines(
            LineInputs(**given, embeddings=None),
            ignored=None,
            max_thread_messages=64,
            line_format="arrays",
            memory_limit=MEMORY,
            scratch=Path(scratch),
        )
        contents = ClusterFolderContents(made.lines, made.user_clusters, {}, line_tables=made.line_tables)
        lines = write_cluster_folder(out, contents, day=DAY)
    sizes = {name: sum(file.stat().st_size for file in out.glob(name)) for name in ("*.jsonl", "line*.parquet")}
    return {"lines": lines, "jsonl_mb": round(sizes["*.jsonl"] / 1e6), "index_mb": round(sizes["line*.parquet"] / 1e6)}


def make_chat(window: Path, lines: Path, out: Path, *, clean: bool, forms: tuple[str, ...]) -> dict[str, Any]:
    """Write forms of these lines, and run the gate over them."""
    tables = {name: pads.dataset(lines / f"{name}.parquet") for name in ("lines", "line_messages")}
    clusters = pads.dataset(window / "clusters.parquet").to_table(columns=["cluster_id"])["cluster_id"].unique()
    personas = [
        Persona(cluster, cluster, f"persona {cluster}", "Its users write about alike things.", ("some phrase",) * 8, 10)
        for cluster in sorted(clusters.to_pylist())
    ]
    inputs = ReleaseInputs(
        tables["lines"], tables["line_messages"], pads.dataset(window / "user_actions.parquet"), personas
    )
    options = ReleaseOptions(forms, "json", 2048, "line", None, clean=clean, split=SplitOptions())
    count_tokens = load_token_counter(EMBEDDED)
    with (
        tempfile.TemporaryDirectory(dir=out.parent) as scratch,
        reporting_progress(lambda _: None, clock=time.process_time) as progress,
    ):
        start, start_cpu = time.perf_counter(), time.process_time()
        release = build_release(
            inputs,
            options,
            out,
            origin=Origin(DAY, DAY),
            count_tokens=count_tokens,
            memory_limit=MEMORY,
            scratch=Path(scratch),
        )
        built, built_cpu = time.perf_counter() - start, time.process_time() - start_cpu
        audit = measure_release(out, release, inputs, options, memory_limit=MEMORY, scratch=Path(scratch))
        gate_cpu = time.process_time() - start_cpu - built_cpu
    return {
        "cpu_by_phase": {one.name: round(one.seconds, 1) for one in progress.list_totals()}
        | {"gate, with its phases": round(gate_cpu, 1)},
        "kept": sum(release.splits.kept.values()),
        "kept_by_split": release.splits.kept,
        "build_s": round(built, 1),
        "gate_s": round(time.perf_counter() - start - built, 1),
        "written_mb": round(sum(shard.size_bytes for shard in release.shards) / 1e6),
        "failed": sum(map(bool, (*audit[:5], audit.leaks))),
    }


def run_here(step: str, window: Path, out: Path) -> None:
    """Run one step in this process, and print its costs."""
    lines = out.parent / "lines"
    start = time.perf_counter()
    if step == "cluster_jsonl":
        made = make_lines(window, out)
    else:
        forms = ("chat", "threads", "dehydrated", "next_action") if step == "all forms" else ("chat",)
        made = make_chat(window, lines, out, clean=step != "chat, texts kept", forms=forms)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "wall_s": round(time.perf_counter() - start, 1),
        "peak_mb": _peak_mb(),
    }
    print(json.dumps(cost | made))


STEPS = ("cluster_jsonl", "chat, texts kept", "chat", "all forms")


def measure(root: Path, size: Size, steps: Sequence[str]) -> None:
    """Make a window of a size, run each step on it, and print what it costs."""
    window = root / f"{size.posts}_{size.likes}"
    window.mkdir()
    make_window(window, size)
    lines_cpu = 0.0
    for step in steps:
        out = window / ("lines" if step == "cluster_jsonl" else "out")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        command = [sys.executable, __file__, "--run", step, "--window", str(window), "--out", str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        cost = json.loads(done.stdout.splitlines()[-1])
        if step == "cluster_jsonl":
            lines_cpu = cost["cpu_s"]
        else:
            cost["data_set_to_cluster_jsonl"] = round(cost["cpu_s"] / lines_cpu, 2)
            cost["forms_alone_to_cluster_jsonl"] = round(cost["cpu_by_phase"]["writing forms"] / lines_cpu, 2)
        print(json.dumps({"posts": size.posts, "likes": size.likes, "step": step} | cost))
        sys.stdout.flush()
    shutil.rmtree(window)


def main() -> None:
    """Run the measurements of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=40_000)
    parser.add_argument("--likes", type=int, default=160_000)
    parser.add_argument("--clusters", type=int, default=25)
    parser.add_argument("--once", action="store_true", help="not twice the size too")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="the first must be cluster_jsonl")
    for hidden in ("--run", "--window", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run_here(given.run, Path(given.window), Path(given.out))
        return
    with tempfile.TemporaryDirectory() as root:
        for factor in (1,) if given.once else (1, 2):
            measure(Path(root), Size(given.posts * factor, given.likes * factor, clusters=given.clusters), given.steps)


if __name__ == "__main__":
    main()
