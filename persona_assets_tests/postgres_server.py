"""A PostgreSQL server on the loopback interface of this machine, for tests of Dagster's storage.

Data, password and log are in one temporary folder. A PostgreSQL that already runs on the machine is neither used nor
changed.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from persona_assets_tests.ports import find_free_port

# Debian keeps the programs of each version in a folder of its own, which is not on PATH.
DEBIAN_FOLDERS = "/usr/lib/postgresql"
SERVICE_USER = "postgres"
DATABASE_USER = "dagster"
START_SECONDS = 120.0
STOP_SECONDS = 120.0


def find_postgres_obstacle() -> str | None:
    """Return why this machine cannot run the server and what to do, or None if it can."""
    if _find_programs() is None:
        return "needs PostgreSQL: Debian's package postgresql"
    if os.geteuid() == 0 and not _has_service_user():
        return f"PostgreSQL does not run as root and there is no user {SERVICE_USER}: Debian's package postgresql"
    return None


def _find_programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`; that of the newest version, if there are several."""
    versions = sorted(Path(DEBIAN_FOLDERS).glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    folders = [*([Path(on_path).resolve().parent] if on_path else []), *versions]
    return next((folder for folder in reversed(folders) if (folder / "postgres").is_file()), None)


def _has_service_user() -> bool:
    return any(entry.pw_name == SERVICE_USER for entry in pwd.getpwall())


class PostgresServer:
    """A server that runs as a child of this process, as the user `postgres` where this process is root's."""

    def __init__(self, folder: Path) -> None:
        """Create the database cluster.

        Args:
            folder: A folder that does not exist, below folders that everybody may enter.
        """
        programs = _find_programs()
        assert programs is not None, "find_postgres_obstacle says what is missing"
        self.folder = folder
        self.port = find_free_port()
        self._programs = programs
        self._as_user = {"user": SERVICE_USER, "group": SERVICE_USER, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None
        password = secrets.token_urlsafe(24)
        self.url = f"postgresql://{DATABASE_USER}:{password}@127.0.0.1:{self.port}/postgres"
        folder.mkdir(mode=0o700)
        password_file = folder / "password"
        password_file.write_text(password, encoding="utf-8")
        if self._as_user:
            shutil.chown(folder, SERVICE_USER, SERVICE_USER)
            shutil.chown(password_file, SERVICE_USER, SERVICE_USER)
        subprocess.run(
            [
                *(programs / "initdb", "--pgdata", folder / "data", "--username", DATABASE_USER, "--encoding", "UTF8"),
                *("--auth", "scram-sha-256", "--pwfile", password_file, "--locale", "C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd=folder,
            **self._as_user,
        )

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the server, and return when it accepts connections.

        Raises:
            RuntimeError: It has ended, or accepts none after `START_SECONDS`. The message has its log.
        """
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                    *("-c", "fsync=off", "-c", "max_connections=200"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C must reach only the tests, which then stop the server
                **self._as_user,
            )
        end = time.monotonic() + START_SECONDS
        while not self.accepts_connections():
            if self._process.poll() is not None or time.monotonic() > end:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL does not start; log:\n{said}")
            time.sleep(0.1)

    def accepts_connections(self) -> bool:
        """Return whether a client can log in."""
        import psycopg2  # noqa: PLC0415 - only where there is a server

        try:
            psycopg2.connect(self.url, connect_timeout=10).close()
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """Stop the server, and return when its process has ended.

        Args:
            by: SIGINT ends all sessions, as `systemctl restart postgresql` does. SIGQUIT is a crash: the next start
                recovers the data from the log.
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(by)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_postgres(folder: Path) -> Iterator[PostgresServer]:
    """Start a server in `folder`, which must not exist, and stop it when the block ends."""
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
