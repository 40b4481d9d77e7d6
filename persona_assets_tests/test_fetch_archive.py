import subprocess
import sys

import pytest

from persona_assets.fetch_archive import main
from persona_assets_tests.archive.segments import event_row, write_segment
from persona_assets_tests.archive_server import ArchiveServer, serving
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB, like

MIDNIGHT_US = 1_740_787_200_000_000
TOKEN = "very-secret-token"  # noqa: S105 - of a server of this test


@pytest.fixture
def archive(tmp_path, monkeypatch):
    times = [MIDNIGHT_US - 1, MIDNIGHT_US, MIDNIGHT_US + 86_400_000_000]
    rows = [event_row(like(time_us=time, user=BOB if seq == 1 else ALICE), seq) for seq, time in enumerate(times)]
    with serving(ArchiveServer({"seg_0.jss": write_segment([rows])}, token=TOKEN)) as server:
        monkeypatch.setenv("PERSONA_ARCHIVE_URL", server.url)
        monkeypatch.setenv("PERSONA_ARCHIVE_TOKEN", TOKEN)
        monkeypatch.setenv("PERSONA_CAPTURE", str(tmp_path / "capture"))
        yield server


def test_days_are_put_into_the_capture(archive, tmp_path, capsys):
    assert main(["day", "2025-03-01"]) == 0

    assert (tmp_path / "capture" / "2025-03-01" / "seg_0.jss").read_bytes() == archive.segments["seg_0.jss"]
    assert capsys.readouterr().out.startswith("2025-03-01: 1 segments with 3 events")


def test_a_cohort_is_put_into_the_capture(archive, tmp_path, capsys):
    cohort = tmp_path / "cohort.txt"
    cohort.write_text(f"{ALICE}\n", encoding="utf-8")

    assert main(["cohort", str(cohort)]) == 0

    assert capsys.readouterr().out.startswith("2 events on 2 days; their time is that of the server for 2")
    assert archive.requests


def test_errors_are_one_line_without_the_token(archive, tmp_path, capsys, monkeypatch):
    archive.token = "another"  # noqa: S105 - of a server of this test
    assert main(["day", "2025-03-01"]) == 1
    assert main(["cohort", str(tmp_path / "none.txt")]) == 1
    monkeypatch.setenv("PERSONA_CAPTURE", "s3://bucket/capture")
    assert main(["day", "2025-03-01"]) == 1

    said = capsys.readouterr().err
    assert said.count("\n") == 3
    assert "set PERSONA_ARCHIVE_TOKEN" in said
    assert TOKEN not in said


def test_the_module_is_a_command():
    command = [sys.executable, "-m", "persona_assets.fetch_archive", "--help"]

    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)

    assert "all events of some accounts" in shown.stdout
