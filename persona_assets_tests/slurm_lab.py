"""A Slurm cluster on the loopback interface of this machine, for the tests of the Slurm executor.

It has three nodes: `cpu1` and `cpu2` in the default partition `cpu`, and `gpu1` with two pretend GPUs in the partition
`gpu`. There is no accounting database and there are no cgroups. Keys, configuration, state and logs are in one
temporary folder. A Slurm that is already installed on the machine is neither used nor changed.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from persona_assets_tests.ports import find_free_port

# The Debian package of each program and plugin that the lab needs.
PROGRAMS = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}
PLUGINS = {"select_cons_tres.so": "slurm-wlm-basic-plugins", "auth_munge.so": "slurm-wlm-basic-plugins"}
PLUGIN_FOLDERS = "lib*/*/slurm*"  # below /usr
# Folders of daemons, which may be missing from PATH.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

NODES = ("cpu1", "cpu2", "gpu1")
# How long a node may be silent until Slurm takes it for lost; this is Slurm's default.
SECONDS_UNTIL_LOST = 300
START_SECONDS = 60.0
STOP_SECONDS = 60.0

# Slurm's daemons listen on the address of their host name (No*InAddrAny). The host name of a machine or container may
# be that of a network that others are in: the daemons get a host name of their own, in a UTS namespace.
WITH_LOOPBACK_NAME = ("unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$0" "$@"')

SLURM_CONF = """\
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid

# Without cgroups, which containers and old kernels may lack. Memory is looked at every second.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill

# Jobs start at once, and squeue knows those that have ended for five minutes.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
MinJobAge=300
KillWait=5
SlurmdTimeout={seconds_until_lost}
ReturnToService=2
PropagateResourceLimits=NONE

# Each node may have more CPUs and memory than the machine.
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
{nodes}
PartitionName=cpu Nodes=cpu1,cpu2 Default=YES DefMemPerCPU=500 MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu1 DefMemPerCPU=500 MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=4000{gres}"
# A GPU is a character device: jobs that ask for another kind of file get no CUDA_VISIBLE_DEVICES.
GRES_CONF = "NodeName=gpu1 Name=gpu File=/dev/null\nNodeName=gpu1 Name=gpu File=/dev/zero\n"


def find_obstacle() -> str | None:
    """Return why this machine cannot run the lab and what to do, or None if it can."""
    if os.geteuid() != 0:
        return "bringing up a Slurm needs root"
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None}
    missing |= {package for plugin, package in PLUGINS.items() if not _has_plugin(plugin)}
    if missing:
        return f"bringing up a Slurm needs Debian's packages {' '.join(sorted(missing))}"
    if subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode:
        return "bringing up a Slurm needs CAP_SYS_ADMIN, for a host name of its own (in Docker: --privileged)"
    return None


def _has_plugin(name: str) -> bool:
    return any(Path("/usr").glob(f"{PLUGIN_FOLDERS}/{name}"))


class SlurmLab:
    """The daemons of the cluster, children of this process that run in the foreground."""

    def __init__(self, folder: Path, *, seconds_until_lost: int = SECONDS_UNTIL_LOST) -> None:
        """Write keys and configuration.

        Args:
            folder: A folder that does not exist, below folders that everybody may enter. Its path is short: that of a
                socket has at most 108 characters.
            seconds_until_lost: How long a node may be silent until Slurm takes it for lost.
        """
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self.ports = _find_free_ports(1 + len(NODES))
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("", "munge", "state", "spool", "log"):
            (folder / name).mkdir()
            # munge refuses a socket that others cannot reach, and the umask of this process may be private.
            (folder / name).chmod(0o755)
        key = folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        nodes = [
            NODE.format(name=name, port=port, gres=" Gres=gpu:2" if name == "gpu1" else "")
            for name, port in zip(NODES, self.ports[1:], strict=True)
        ]
        content = SLURM_CONF.format(
            folder=folder,
            controller_port=self.ports[0],
            nodes="\n".join(nodes),
            seconds_until_lost=seconds_until_lost,
        )
        self.conf.write_text(content, encoding="utf-8")
        (folder / "gres.conf").write_text(GRES_CONF, encoding="utf-8")

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each running daemon."""
        return {name: process.pid for name, process in self._daemons.items()}

    def start(self) -> None:
        """Start all daemons, and return when all nodes are idle.

        Raises:
            RuntimeError: They are not idle after `START_SECONDS`, or a daemon has ended. The message has their logs.
        """
        munge = self.folder / "munge"
        options = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
        self._spawn("munged", "munged", "--foreground", *(f"--{option}={munge / at}" for option, at in options.items()))
        self._wait_for((munge / "socket").is_socket, "munged does not answer")
        self.start_controller()
        for node in NODES:
            (self.folder / "spool" / node).mkdir()
            self._spawn(node, *WITH_LOOPBACK_NAME, "slurmd", "-D", "-N", node, "-f", str(self.conf))
        self._wait_for(lambda: self.find_idle_nodes() == set(NODES), "not all nodes are idle")

    def start_controller(self) -> None:
        """Start slurmctld, which continues from its saved state."""
        self._spawn("slurmctld", *WITH_LOOPBACK_NAME, "slurmctld", "-D", "-f", str(self.conf))

    def stop_controller(self) -> None:
        """Stop slurmctld, and return when its process has ended."""
        self._end("slurmctld")

    def lose_node(self, node: str) -> None:
        """Kill the daemon of a node and the jobs that run there, so that none of them reports anything."""
        slurmd = self._daemons.pop(node)
        slurmd.kill()
        slurmd.wait()
        while processes := self._find_job_processes(node):
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _find_job_processes(self, node: str) -> list[int]:
        """Return the process ids of jobs on a node: first the supervisors, which would report the end of the others."""
        jobs, supervisors = [], set()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes().split(b"\0")
                if {f"SLURM_CONF={self.conf}".encode(), f"SLURMD_NODENAME={node}".encode()} <= set(environment):
                    parent = (process / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1]
                    jobs.append(int(process.name))
                    if Path("/proc", parent, "cmdline").read_bytes().startswith(b"slurmstepd"):
                        supervisors.add(int(parent))
            except OSError:  # it has ended in the meantime
                continue
        return [*supervisors, *jobs]

    def stop(self) -> None:
        """Cancel all jobs and stop all daemons, and return when their processes have ended.

        Raises:
            RuntimeError: Jobs are left after `STOP_SECONDS`; their processes may outlive the lab.
        """
        try:
            if "slurmctld" in self._daemons and self._daemons["slurmctld"].poll() is None:
                self._ask("scancel", "--quiet", "--user=root")
                self._wait_for(lambda: self._ask("squeue", "--noheader") == "", "jobs do not end", STOP_SECONDS)
        finally:
            for name in (*NODES, "slurmctld", "munged"):
                self._end(name)

    def find_idle_nodes(self) -> set[str]:
        """Return the names of nodes that respond and run no job."""
        listing = self._ask("sinfo", "--noheader", "--Node", "--format=%N %t") or ""
        return {node for node, state in map(str.split, listing.splitlines()) if state == "idle"}

    def has_new_job(self, node: str) -> bool:
        """Return whether a job runs on a node for at most two seconds, in which no step of a run comes to its end."""
        times = self._ask("squeue", "--noheader", "--states=running", f"--nodelist={node}", "--format=%M") or ""
        return bool({"0:00", "0:01", "0:02"} & set(times.split()))

    def _ask(self, *command: str) -> str | None:
        """Return the output of a Slurm command, or None while the controller does not answer."""
        environment = {**os.environ, "SLURM_CONF": str(self.conf), "PATH": PATH}
        try:
            asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
        except subprocess.TimeoutExpired:
            return None
        return None if asked.returncode else asked.stdout

    def _spawn(self, name: str, *command: str) -> None:
        with (self.folder / "log" / name).open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": PATH},
                umask=0o022,
                start_new_session=True,  # Ctrl-C must reach only the tests, which then stop the daemons in order
            )

    def _end(self, name: str) -> None:
        process = self._daemons.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_for(self, look: Callable[[], bool], otherwise: str, seconds: float = START_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not look():
            ended = [name for name, process in self._daemons.items() if process.poll() is not None]
            if ended or time.monotonic() > end:
                raise RuntimeError(f"{otherwise}; ended: {ended}; log:\n{self._read_logs()}")
            time.sleep(0.1)

    def _read_logs(self) -> str:
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}" for log in logs)


@contextmanager
def running_slurm(folder: Path, *, seconds_until_lost: int = SECONDS_UNTIL_LOST) -> Iterator[SlurmLab]:
    """Start the lab in `folder`, which must not exist, and stop it when the block ends."""
    lab = SlurmLab(folder, seconds_until_lost=seconds_until_lost)
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def _find_free_ports(number: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < number:
        ports.add(find_free_port())
    return sorted(ports)
