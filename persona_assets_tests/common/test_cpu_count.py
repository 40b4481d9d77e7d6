"""The number of threads of a step, and that every library has it."""

import json
import os
import subprocess
import sys

import pytest

from persona_assets.common import cpu_count
from persona_assets.common.cpu_count import count_threads, count_usable_cpus, limit_threads

PROGRAM = """
import json, os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import persona_assets
import numpy, pyarrow, torch, threadpoolctl
from pathlib import Path
from persona_assets.capture.resource import Capture
from persona_assets.common.database import open_duckdb
with open_duckdb(memory_limit="300MB", scratch=Path(".")) as con:
    (duckdb,), = con.sql("select current_setting('threads')").fetchall()
blas = [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]
print(json.dumps({"duckdb": duckdb, "pyarrow": pyarrow.cpu_count(), "torch": torch.get_num_threads(),
    "blas": max(blas, default=None), "tokenizers": os.environ.get("RAYON_NUM_THREADS"),
    "parsers": Capture().count_workers()}))
"""


@pytest.fixture(autouse=True)
def _forget_limit():
    before = [*cpu_count._limit]
    count_usable_cpus.cache_clear()
    yield
    count_usable_cpus.cache_clear()
    cpu_count._limit[:] = before


def count_everywhere(folder, *, affinity, **given):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PERSONA_") and not name.endswith("_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(affinity)],
        env=kept | {"PYTHONPATH": ":".join(filter(None, sys.path))} | given,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", [1, 3])
def test_every_library_and_the_parsers_have_the_number_of_the_setting(tmp_path, number):
    found = count_everywhere(tmp_path, affinity=1, PERSONA_THREADS=f"{number}")

    # BLAS and torch take no more threads than there are CPUs.
    assert 1 <= found.pop("blas") <= number
    assert 1 <= found.pop("torch") <= number
    assert found == {"duckdb": number, "pyarrow": number, "tokenizers": f"{number}", "parsers": number}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_without_the_setting_every_library_has_as_many_as_the_affinity_has_cpus(tmp_path):
    found = count_everywhere(tmp_path, affinity=1)

    assert found == {"duckdb": 1, "pyarrow": 1, "torch": 1, "blas": 1, "tokenizers": None, "parsers": 1}


def test_workers_override_the_number_for_parsers_only(tmp_path):
    found = count_everywhere(tmp_path, affinity=1, PERSONA_THREADS="1", PERSONA_WORKERS="2")

    assert (found["parsers"], found["duckdb"]) == (2, 1)


def write_quota(folder, **content):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in content.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("x", 8)],
)
def test_a_quota_of_the_control_group_counts_rounded_up(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr(cpu_count, "_count_affinity", lambda: 8)
    write_quota(tmp_path / "cgroup" / "a" / "b", cpu__max=quota)
    (tmp_path / "own").write_text("0::/a/b\n", encoding="utf-8")

    assert count_usable_cpus(cgroups=tmp_path / "cgroup", own_cgroups=tmp_path / "own") == expected


def test_a_quota_above_the_control_group_counts_too(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_count, "_count_affinity", lambda: 8)
    write_quota(tmp_path / "cgroup" / "a", cpu__max="300000 100000")
    write_quota(tmp_path / "cgroup" / "a" / "b", cpu__max="max 100000")
    (tmp_path / "own").write_text("0::/a/b\n", encoding="utf-8")

    assert count_usable_cpus(cgroups=tmp_path / "cgroup", own_cgroups=tmp_path / "own") == 3


def test_control_groups_of_version_1_and_paths_outside_a_container_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_count, "_count_affinity", lambda: 8)
    folder = tmp_path / "cgroup" / "cpu,cpuacct"
    write_quota(folder, cpu__cfs_quota_us="250000\n", cpu__cfs_period_us="100000\n")
    (tmp_path / "own").write_text("9:memory:/x\n4:cpu,cpuacct:/docker/outside\n", encoding="utf-8")

    assert count_usable_cpus(cgroups=tmp_path / "cgroup", own_cgroups=tmp_path / "own") == 3


def test_without_control_groups_the_affinity_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_count, "_count_affinity", lambda: 8)

    assert count_usable_cpus(cgroups=tmp_path, own_cgroups=tmp_path / "none") == 8


def test_variables_that_are_set_remain():
    environment = {"PERSONA_THREADS": "3", "OMP_NUM_THREADS": "7"}

    limit_threads(environment, variable="PERSONA_THREADS")

    assert environment == {"PERSONA_THREADS": "3", "OMP_NUM_THREADS": "7", "RAYON_NUM_THREADS": "3"}
    assert count_threads() == 3


@pytest.mark.parametrize("given", ["", "0", "-1", "two", "1.5"])
def test_what_is_no_number_is_left_to_the_settings(given):
    limit_threads({"PERSONA_THREADS": given}, variable="PERSONA_THREADS")

    assert count_threads() == count_usable_cpus()
