"""A run that gets a signal, from a user, Slurm or a service manager, ends soon and leaves nothing."""

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from persona_assets.sample.write import write_capture
from persona_assets_tests.whole_graph import ALL_DAYS_ASSETS

pytestmark = [pytest.mark.faults, pytest.mark.model, pytest.mark.slow]

DAY = "2025-03-01"
HOME = Path(__file__).parents[1] / "dagster_home" / "dagster.yaml"
# Slurm sends SIGKILL 30 s after SIGTERM, service managers later.
ENDS_WITHIN_SECONDS = 30
HANGS_AFTER_SECONDS = 600
# Of a process that starts with it: the first time that a file or folder of such a name is made, it signals the run's
# first process, or all of its processes, as a terminal does.
WATCH = """
import os, re, sys

def watch(event, about):
    if event not in ("open", "os.mkdir") or not isinstance(about[0], str):
        return
    if not re.search(os.environ["SIGNAL_AT"], about[0]) or os.path.exists(os.environ["SIGNALLED"]):
        return
    if event == "os.mkdir" or about[2] & (os.O_WRONLY | os.O_RDWR):
        os.close(os.open(os.environ["SIGNALLED"], os.O_CREAT | os.O_WRONLY))
        send = os.killpg if os.environ["SIGNAL_TO"] == "all" else os.kill
        send(os.getpgid(0), int(os.environ["SIGNAL"]))

if "SIGNAL_AT" in os.environ:
    sys.addaudithook(watch)
"""


class Machine:
    """A capture, a default DAGSTER_HOME, and functions to run commands and inspect what is left."""

    def __init__(self, root):
        self.root, self.number, self.started = root, 0, []
        write_capture(root / "capture", days=1, start_date=dt.date.fromisoformat(DAY), users=60, personas=2, seed=5)
        for folder in ("home", "scratch", "watch"):
            (root / folder).mkdir()
        shutil.copy(HOME, root / "home")
        (root / "watch" / "sitecustomize.py").write_text(WATCH, encoding="utf-8")

    def start(self, assets, *, executor="in_process", **environment):
        """Start a run in a new process group."""
        self.number += 1
        command = [
            *(str(Path(sys.executable).with_name("dagster")), "asset", "materialize"),
            *("-m", "persona_assets.definitions", "--select", assets),
            *(() if assets in ALL_DAYS_ASSETS else ("--partition", DAY)),
        ]
        with (self.root / f"log {self.number}").open("w") as log:
            process = subprocess.Popen(
                command,
                env=self._environment(executor) | environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def _environment(self, executor):
        return {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")} | {
            "DAGSTER_HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "scratch"),
            "PYTHONPATH": os.pathsep.join([str(self.root / "watch"), str(HOME.parents[1])]),
            "SIGNALLED": str(self.signalled),
            "PERSONA_CAPTURE": str(self.root / "capture"),
            "PERSONA_DATA": str(self.root / "data"),
            "PERSONA_N_CLUSTERS": "2",
            "PERSONA_EXECUTOR": executor,
        }

    @property
    def signalled(self):
        return self.root / f"signalled {self.number}"

    def wait_for(self, is_so, process):
        while not is_so():
            assert process.poll() is None, self.log()
            time.sleep(0.02)

    def log(self):
        return (self.root / f"log {self.number}").read_text(encoding="utf-8")

    def last_status(self):
        with dg.DagsterInstance.from_config(str(self.root / "home")) as instance:
            return instance.get_runs(limit=1)[0].status

    def kill_what_is_left(self):
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    @property
    def lock(self):
        return self.root / "scratch" / f"persona_assets-lock-{os.geteuid()}" / "gpu.lock"

    def left(self):
        """Return the scratch folders, and the temporary files in the data folders."""
        scratch = {file.name for file in (self.root / "scratch").iterdir() if "torchinductor" not in file.name}
        return scratch - {self.lock.parent.name} | {file.name for file in (self.root / "data").rglob(".*")}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A `Machine` on which every asset has been materialized once."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    assert machine.start("*").wait(timeout=HANGS_AFTER_SECONDS) == 0, machine.log()
    yield machine
    machine.kill_what_is_left()


def has_ended(process):
    """Return whether all processes of a run have ended."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("asset", "moment", "number", "executor"),
    [
        ("raw_events,rejected_lines", r"/part-0$", signal.SIGTERM, "in_process"),
        ("user_actions", r"/user_actions\.parquet$", signal.SIGINT, "multiprocess"),
        ("english_posts", r"/judged\.parquet$", signal.SIGTERM, "multiprocess"),
        ("english_users", rf"/english_users/\.{DAY}", signal.SIGINT, "in_process"),
        ("lineage", r"/\.lineage\.parquet", signal.SIGTERM, "in_process"),
        ("embeddings", r"/store/\w+/\.\w+\.vectors", signal.SIGINT, "in_process"),
        ("embeddings", r"/vectors\.bin$", signal.SIGTERM, "multiprocess"),
        ("clusters", rf"/cluster_centres/\.{DAY}", signal.SIGINT, "multiprocess"),
        ("cluster_jsonl", rf"/cluster_jsonl/\.{DAY}[^/]*/cluster_0", signal.SIGTERM, "in_process"),
        ("cluster_stats", rf"/cluster_stats/\.{DAY}[^/]*/", signal.SIGTERM, "in_process"),
    ],
)
def test_a_signalled_run_ends_soon_and_leaves_nothing(asset, moment, number, executor, machine):
    process = machine.start(
        asset,
        executor=executor,
        PERSONA_VECTOR_STORE=str(machine.root / "data" / "store"),
        SIGNAL_AT=moment,
        SIGNAL=str(int(number)),
        SIGNAL_TO="all" if number == signal.SIGINT else "run",
    )
    machine.wait_for(machine.signalled.exists, process)

    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while not has_ended(process):
        assert time.monotonic() < deadline, machine.log()
        time.sleep(0.02)

    assert machine.left() == set()
    assert machine.last_status() in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}
    with FileLock(machine.lock, blocking=False):
        pass


def test_a_run_killed_while_embedding_does_not_block_the_next_one(machine):
    store = str(machine.root / "data" / "another store")
    process = machine.start(
        "embeddings",
        PERSONA_VECTOR_STORE=store,
        SIGNAL_AT=r"/another store/\w+/\.\w+\.vectors",
        SIGNAL=str(int(signal.SIGKILL)),
        SIGNAL_TO="all",
    )
    assert process.wait(timeout=HANGS_AFTER_SECONDS) == -signal.SIGKILL

    assert machine.start("embeddings", PERSONA_VECTOR_STORE=store).wait(timeout=HANGS_AFTER_SECONDS) == 0, machine.log()
