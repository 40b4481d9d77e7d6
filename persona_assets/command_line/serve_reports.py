"""Serve the reports of `cluster_stats` over HTTP on this machine, so that links in Dagster's UI can open them.

`python -m persona_assets.command_line.serve_reports COMMAND ...` serves while the command runs. Without a command it
serves until it is interrupted. Dagster's server serves no files, and browsers do not follow a `file://` link from it.

Reports contain texts of Bluesky users. So the server listens only on the loopback interface, answers only requests with
its own host name, and serves only the files of reports. It lists no folders and serves no other data.
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
_CONTENT_TYPES = {"report.html": "text/html; charset=utf-8", "map.svg": "image/svg+xml"} | dict.fromkeys(
    ("map.png", "map_small.png", "cluster_sizes.png"), "image/png"
)
_PATH = re.compile(rf"/(?P<day>\d{{4}}-\d{{2}}-\d{{2}})/(?P<name>{'|'.join(map(re.escape, _CONTENT_TYPES))})")
# Requests for another host are refused: with DNS rebinding, a page of another site could send them.
_OWN_HOSTS = (_HOST, "localhost")


def report_url(settings: Settings, day: str, file_name: str) -> str | None:
    """Return the URL of file `file_name` in the report of `day`; None if the setting `reports_url` is not set."""
    return f"{settings.reports_url.rstrip('/')}/{day}/{file_name}" if settings.reports_url else None


@contextmanager
def serving_reports(folder: UPath, *, port: int) -> Generator[str]:
    """Serve the folder of reports over HTTP on localhost:`port` while the block runs; yield the base URL.

    Args:
        folder: Folder of `cluster_stats`, which need not exist yet.
        port: Port on the loopback interface; 0 for any free one.

    Raises:
        SettingsError: The port is in use.
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
        match = _PATH.fullmatch(self.path)
        try:
            if match is None or urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _OWN_HOSTS:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            content = (self.reports / match["day"] / match["name"]).read_bytes()
        except (ValueError, OSError):  # an invalid host, or a file that is missing or unreadable
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _CONTENT_TYPES[match["name"]])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if match["name"].endswith(".svg"):  # a report allows its own script by its digest; a picture needs none
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the method it replaces
        """Log nothing: requests are not recorded, for the privacy of readers."""


def main(command: Sequence[str]) -> int:
    """Run `command` and serve the reports while it runs; return the exit status of `command`.

    If `PERSONA_REPORTS_URL` is not set, the command runs without a server.

    Args:
        command: Program and arguments. If it is empty, reports are served until an interrupt.

    Raises:
        SettingsError: `PERSONA_REPORTS_URL` is not set and there is no command, it has no port, or the port is in use.
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
        # The terminal sends an interrupt to both processes; this one waits until the command has ended.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: process.send_signal(number))
        return process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SettingsError as error:
        sys.exit(str(error))
