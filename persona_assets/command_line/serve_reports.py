"""Serve the reports of `cluster_stats` on this machine, so that links in Dagster's UI can open them.

`python -m persona_assets.command_line.serve_reports COMMAND ...` serves while the command runs. Without a command it
serves until it is interrupted.
Browsers open no `file://` link on a page from a server, and Dagster's own serves no files.

Reports show what strangers wrote. So the server listens on the loopback interface alone, answers only requests that
name it, and knows the files of a report: there is no listing, and nothing else of the data can be asked for.
"""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from upath import UPath

from persona_assets.errors import SettingsError
from persona_assets.settings import Settings, read_settings

_HOST = "127.0.0.1"
_KINDS = {"report.html": "text/html; charset=utf-8"} | dict.fromkeys(
    ("map.png", "map_small.png", "cluster_sizes.png"), "image/png"
)
_ADDRESS = re.compile(rf"/(?P<day>\d{{4}}-\d{{2}}-\d{{2}})/(?P<name>{'|'.join(map(re.escape, _KINDS))})")
# Other names would be a page of elsewhere that had a name of its own point here.
_OWN_NAMES = (_HOST, "localhost")


def report_address(settings: Settings, day: str, name: str) -> str | None:
    """Return where a browser finds a file of a day's report; None where no server is set."""
    return f"{settings.reports_url.rstrip('/')}/{day}/{name}" if settings.reports_url else None


@contextmanager
def serving_reports(folder: UPath, *, port: int) -> Generator[str]:
    """Serve the reports below `folder` while the block lasts; yields the address.

    Args:
        folder: That of `cluster_stats`, which need not be there yet.
        port: On the loopback interface; 0 takes a free one.

    Raises:
        SettingsError: The port is taken.
    """

    class Handler(_Handler):
        reports = folder

    try:
        server = ThreadingHTTPServer((_HOST, port), Handler)
    except OSError as error:
        raise SettingsError(f"port {port} is taken: set PERSONA_REPORTS_URL to one with another port") from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    reports: UPath

    def do_GET(self) -> None:
        asked = _ADDRESS.fullmatch(self.path)
        try:
            if asked is None or urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _OWN_NAMES:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            content = (self.reports / asked["day"] / asked["name"]).read_bytes()
        except (ValueError, OSError):  # no name of a host, no file, or none that can be read
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _KINDS[asked["name"]])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the method it replaces
        """Say nothing: whoever reads reports is nobody's business."""


def main(command: Sequence[str]) -> int:
    """Serve the reports of the settings while `command` runs; return its exit status.

    Without `PERSONA_REPORTS_URL` a command runs alone.

    Raises:
        SettingsError: `PERSONA_REPORTS_URL` is not set and there is no command, it names no port, or its port is taken.
    """
    settings = read_settings()
    if command and settings.reports_url is None:
        return _wait_for(command)
    port = _find_port(settings.reports_url or "")
    if not port:
        raise SettingsError("set PERSONA_REPORTS_URL to where reports are to be served, such as http://127.0.0.1:3001")
    with serving_reports(UPath(settings.data).absolute() / "cluster_stats", port=port):
        return _wait_for(command)


def _find_port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None


def _wait_for(command: Sequence[str]) -> int:
    if not command:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    with subprocess.Popen(command) as process:  # noqa: S603 - no shell; the command is the caller's own
        # An interrupt of the terminal reaches both; this one waits for the other to end.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SettingsError as error:
        sys.exit(str(error))
