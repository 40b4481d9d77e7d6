"""The Slurm lab listens only on loopback, and leaves no processes."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from persona_assets_tests import slurm_lab
from persona_assets_tests.slurm_lab import NODES, find_obstacle, running_slurm

LISTENS = "0A"  # the state LISTEN in /proc/net/tcp
LOOPBACK = "0100007F"


def find_processes(folder):
    """The running processes whose command or environment contains the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # it has ended in the meantime
            continue
        if str(folder).encode() in said and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def find_addresses(ports):
    """The addresses, as hexadecimal digits, on which processes listen at these ports."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == LISTENS]
    return {int(port, 16): address for address, port in listening if int(port, 16) in ports}


def wait_for_line(file, line, seconds=60):
    end = time.monotonic() + seconds
    while not file.is_file() or file.read_text(encoding="utf-8") != line:
        assert time.monotonic() < end, "the job has not started"
        time.sleep(0.1)


def test_the_lab_needs_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert find_obstacle() == "bringing up a Slurm needs root"


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(slurm_lab, "PATH", str(tmp_path))
    monkeypatch.setattr(slurm_lab, "PLUGIN_FOLDERS", "no/such/folder")

    assert find_obstacle() == (
        "bringing up a Slurm needs Debian's packages munge slurm-client slurm-wlm-basic-plugins slurmctld slurmd"
    )


@pytest.mark.slurm
def test_a_lab_listens_on_loopback_only_and_leaves_no_process():
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        with running_slurm(home / "slurm") as lab:
            pids = lab.pids
            assert set(pids) == {"munged", "slurmctld", *NODES}
            assert lab.find_idle_nodes() == set(NODES)
            assert find_addresses(lab.ports) == dict.fromkeys(lab.ports, LOOPBACK)
            environment = {**os.environ, "SLURM_CONF": str(lab.conf)}
            job = ["sbatch", f"--output={home}/out", "--wrap", f"echo {home} started; sleep 600"]
            subprocess.run(job, env=environment, check=True, capture_output=True, timeout=60)
            wait_for_line(home / "out", f"{home} started\n")
            assert len(find_processes(home)) > len(pids)

        assert lab.pids == {}
        assert find_processes(home) == []
        assert find_addresses(lab.ports) == {}


@pytest.mark.slurm
def test_a_lab_that_does_not_start_shows_the_output_of_its_daemons(monkeypatch):
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    monkeypatch.setattr(slurm_lab, "SLURM_CONF", f"{slurm_lab.SLURM_CONF}NoSuchOption=1\n")
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        home = Path(folder)
        home.chmod(0o755)

        with pytest.raises(RuntimeError, match="(?s)slurmctld.*NoSuchOption"), running_slurm(home / "slurm"):
            pass

        assert find_processes(home) == []
