"""`benchmarks/bench_pipeline.py` compares the graph with a notebook that does what it says."""

import importlib
import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("bench_pipeline", ROOT / "benchmarks/bench_pipeline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def capture(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    bench_day = importlib.import_module("bench_day")
    monkeypatch.setattr(bench_day, "SEED_USERS", 300)
    bench_day.make_capture(tmp_path, 12_000)
    return tmp_path / "capture"


def test_the_notebook_writes_lines_and_statistics_of_each_cluster(bench, capture, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "N_CLUSTERS", 4)
    out = tmp_path / "out"
    out.mkdir()

    costs = bench.run_notebook(capture, out, without_model=True)

    assert [*costs] == ["start", "read", "filter", "embed", "cluster", "lines", "statistics"]
    lines = [json.loads(line) for file in out.glob("cluster_*.jsonl") for line in file.read_text().splitlines()]
    assert {len(line) for line in lines} == {1, 2}
    assert any("actions" in line[-1] for line in lines)
    found = json.loads((out / "stats.json").read_text())
    assert [of["cluster"] for of in found] == [0, 1, 2, 3]
    assert all(of["words"] and of["medoids"] for of in found)
    assert bench.N_TOPICS in {len(of["topics"]) for of in found}


def test_rows_are_medians_of_rounds_with_sums_with_and_without_embedding(bench):
    rounds = [{"start": (1.0, 2.0), "embeddings": (cpu, 9.0)} for cpu in (4.0, 5.0, 90.0)]

    assert bench.format_rows(60_000, {"now": rounds}) == [
        "| 60,000 | now | start | 1.0 | 2.0 |",
        "| 60,000 | now | embeddings | 5.0 | 9.0 |",
        "| 60,000 | now | **all** | 6.0 | 11.0 |",
        "| 60,000 | now | **all but embedding** | 1.0 | 2.0 |",
    ]
