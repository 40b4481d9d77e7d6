"""The report server serves files of reports to browsers on this machine, and nothing else."""

import os
import socket
import subprocess
import sys

import httpx
import pytest
from upath import UPath

from persona_assets.command_line.serve_reports import main, report_url, serving_reports
from persona_assets.errors import SettingsError
from persona_assets.settings import read_settings
from persona_assets_tests.ports import find_free_port

DAY = "2025-03-03"


@pytest.fixture
def data(tmp_path):
    """A data folder with a report, and with files that must not be served."""
    folder = tmp_path / "cluster_stats" / DAY
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>é</p>", encoding="utf-8")
    (folder / "map.png").write_bytes(b"png")
    (folder / "map.svg").write_bytes(b"<svg/>")
    (folder / "stats.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    return tmp_path


@pytest.fixture
def address(data):
    with serving_reports(UPath(data) / "cluster_stats", port=0) as address:
        yield address


def test_a_report_and_its_pictures_have_their_content_types(address):
    report, picture, drawing = (httpx.get(f"{address}/{DAY}/{name}") for name in ("report.html", "map.png", "map.svg"))

    assert (report.text, report.headers["content-type"]) == ("<p>é</p>", "text/html; charset=utf-8")
    assert (picture.content, picture.headers["content-type"]) == (b"png", "image/png")
    assert (drawing.content, drawing.headers["content-type"]) == (b"<svg/>", "image/svg+xml")
    assert drawing.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert report.headers["x-content-type-options"] == "nosniff"
    assert report.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{DAY}",
        f"/{DAY}/",
        f"/{DAY}/stats.json",
        f"/{DAY}/cluster_sizes.png",  # missing
        "/2025-03-04/report.html",
        f"/{DAY}/../../secret",
        f"/{DAY}/..%2f..%2fsecret",
        "/../secret",
        f"/{DAY}/report.html?x=1",
        f"/{DAY}/report.html\n",
    ],
)
def test_nothing_else_is_served(address, path):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()

    assert b" 200 " not in answer
    assert b"secret" not in answer


@pytest.mark.parametrize("host", ["evil.example", "[", "[::1"])
def test_requests_with_a_foreign_host_name_are_refused(address, host):
    answer = httpx.get(f"{address}/{DAY}/report.html", headers={"Host": host})

    assert answer.status_code == 404


def test_only_get_is_supported(address):
    assert httpx.post(f"{address}/{DAY}/report.html").status_code == 501


def test_report_urls_need_the_setting():
    assert report_url(read_settings({}), DAY, "report.html") is None
    settings = read_settings({"PERSONA_REPORTS_URL": "http://127.0.0.1:3001/"})
    assert report_url(settings, DAY, "report.html") == f"http://127.0.0.1:3001/{DAY}/report.html"


def test_a_port_in_use_is_named(address):
    port = int(address.rpartition(":")[2])

    with pytest.raises(SettingsError, match=f"port {port} is taken"), serving_reports(UPath("."), port=port):
        pass


def run(data, port, program):
    return subprocess.run(
        [sys.executable, "-m", "persona_assets.command_line.serve_reports", sys.executable, "-c", program],
        env=os.environ | {"PERSONA_DATA": str(data), "PERSONA_REPORTS_URL": f"http://127.0.0.1:{port}" if port else ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_reports_are_served_while_a_command_runs_and_its_status_is_returned(data):
    port = find_free_port()
    program = (
        "import urllib.request, sys; "
        f"print(urllib.request.urlopen('http://127.0.0.1:{port}/{DAY}/report.html').read().decode()); sys.exit(3)"
    )

    done = run(data, port, program)

    assert (done.returncode, done.stdout.strip()) == (3, "<p>é</p>"), done.stderr
    assert done.stderr == ""


def test_without_a_url_the_command_runs_without_a_server(data):
    done = run(data, None, "print('alone')")

    assert (done.returncode, done.stdout, done.stderr) == (0, "alone\n", "")


@pytest.mark.parametrize("address", ["http://127.0.0.1:99999", "http://[::1:3001", "http://127.0.0.1"])
def test_a_url_without_a_valid_port_is_refused(monkeypatch, address):
    monkeypatch.setenv("PERSONA_REPORTS_URL", address)

    with pytest.raises(SettingsError, match="set PERSONA_REPORTS_URL to where reports are to be served"):
        main(["true"])


def test_without_url_and_command_there_is_an_error(monkeypatch):
    monkeypatch.delenv("PERSONA_REPORTS_URL", raising=False)

    with pytest.raises(SettingsError, match="set PERSONA_REPORTS_URL to where reports are to be served"):
        main([])
