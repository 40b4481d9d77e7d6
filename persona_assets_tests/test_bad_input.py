"""Bad input to the whole graph: one error that says what to do, and no partial output."""

import datetime as dt
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets.definitions import build_definitions
from persona_assets.errors import CaptureFilesError, StorageError, TooFewUsersError
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.other_users import let_in

ROOT = Path(__file__).parents[1]
DAY = "2025-03-01"
NOBODY = 65534


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    capture = tmp_path_factory.mktemp("sample") / "capture"
    write_capture(capture, days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=5)
    return capture


@pytest.fixture
def capture(sample, tmp_path):
    """A copy of the sample that a test may change."""
    return shutil.copytree(sample, tmp_path / "capture")


@pytest.fixture
def materialize(tmp_path, monkeypatch):
    """Materialize some assets of one day from a capture into `tmp_path/data`."""

    def run(capture: Path, *assets: str, config: dict | None = None, **variables: str) -> Path:
        data = Path(variables.pop("data", tmp_path / "data"))
        for name, value in {"capture": str(capture), "data": str(data), "workers": "1", **variables}.items():
            monkeypatch.setenv(f"PERSONA_{name.upper()}", value)
        job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
        job.execute_in_process(
            partition_key=DAY, asset_selection=[dg.AssetKey(asset) for asset in assets], run_config=config
        )
        return data

    return run


RAW = ("raw_events", "rejected_lines")
TO_USERS = (*RAW, "consent_records", "consents", "user_actions", "english_posts", "english_users")


def files_in(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def rejections(data: Path) -> list[dict]:
    return pq.read_table(data / "rejected_lines" / f"{DAY}.parquet").to_pylist()


def hour_files(capture: Path) -> list[Path]:
    return sorted(file for file in capture.rglob("bluesky-*") if file.is_file() and file.suffix != ".gz")


def test_no_capture_folder(materialize, tmp_path):
    with pytest.raises(CaptureFilesError) as caught:
        materialize(tmp_path / "captures", *RAW)

    assert str(tmp_path / "captures") in str(caught.value)
    assert "PERSONA_CAPTURE" in str(caught.value)
    assert files_in(tmp_path) == []


def test_a_day_without_files(materialize, capture, tmp_path):
    for file in files_in(capture / "bluesky-2025-03" / "01"):
        file.unlink()

    with pytest.raises(CaptureFilesError, match=DAY):
        materialize(capture, *RAW)

    assert not (tmp_path / "data").exists() or files_in(tmp_path / "data") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
def test_an_unreadable_file_loses_only_its_own_lines(materialize, capture, tmp_path, monkeypatch):
    whole = materialize(capture, *RAW, data=str(tmp_path / "whole"))
    closed = hour_files(capture)[0]
    lines = len(closed.read_bytes().splitlines())
    for path in (capture, *capture.rglob("*")):  # created with the umask of the graph
        path.chmod(0o755)
    closed.chmod(0)
    let_in(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # TMPDIR may be of root alone

    os.seteuid(NOBODY)
    try:
        data = materialize(capture, *RAW)
    finally:
        os.seteuid(0)

    (entry,) = [row for row in rejections(data) if row["line_number"] == 0]
    assert entry["source_file"].endswith(closed.name)
    both = [pq.read_metadata(folder / "raw_events" / f"{DAY}.parquet").num_rows for folder in (whole, data)]
    others = len(rejections(whole)) - (len(rejections(data)) - 1)
    assert both[0] - both[1] == lines - others


def test_a_directory_instead_of_a_file_is_ignored(materialize, capture):
    hour_files(capture)[0].parent.joinpath("bluesky-2-2025-03-01-00-59-59-folder").mkdir()

    data = materialize(capture, *RAW)

    assert pq.read_metadata(data / "raw_events" / f"{DAY}.parquet").num_rows > 100


def test_a_truncated_gz_gives_the_lines_it_has_and_one_rejected_entry(materialize, capture, tmp_path):
    whole = materialize(capture, *RAW, data=str(tmp_path / "whole"))
    file = hour_files(capture)[0]
    packed = gzip.compress(file.read_bytes())
    file.write_bytes(packed[: len(packed) * 2 // 3])

    data = materialize(capture, *RAW)

    broken = [row for row in rejections(data) if row["source_file"].endswith(file.name)]
    before = [row for row in rejections(whole) if row["source_file"].endswith(file.name)]
    assert len(broken) in (len(before), len(before) + 1)
    assert any("end" in row["reason"] or "truncated" in row["reason"] for row in broken)
    rows = pq.read_metadata(data / "raw_events" / f"{DAY}.parquet").num_rows
    assert 0 < rows < pq.read_metadata(whole / "raw_events" / f"{DAY}.parquet").num_rows


def test_a_full_disk_leaves_nothing(materialize, capture, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        with pytest.raises(StorageError, match="no space left .*free space there or set PERSONA_DATA"):
            materialize(capture, *RAW, data=str(disk / "data"))
        assert [file for file in files_in(disk) if file.name.startswith(("20", "."))] == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.model
def test_more_clusters_than_the_users_allow(materialize, capture, tmp_path):
    with pytest.raises(TooFewUsersError) as caught:
        materialize(capture, *TO_USERS, "embeddings", "clusters", n_clusters="40")

    message = str(caught.value)
    assert all(part in message for part in ("40", "10", "PERSONA_N_CLUSTERS", "PERSONA_MIN_CLUSTER_SIZE"))
    assert not (tmp_path / "data" / "clusters").exists() or files_in(tmp_path / "data" / "clusters") == []


def test_an_unknown_config_key_names_the_known_ones_before_any_step(materialize, capture, tmp_path):
    config = {"ops": {"clusters": {"config": {"n_cluster": 3}}}}

    with pytest.raises(dg.DagsterInvalidConfigError, match='unexpected config entry "n_cluster".*n_clusters'):
        materialize(capture, *TO_USERS, "embeddings", "clusters", config=config)

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("model", ["no/such-model", "/no/such/folder"])
def test_a_missing_model(materialize, capture, tmp_path, model, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    # A Failure that is not retried, made from the ModelError.
    with pytest.raises(dg.Failure, match=f"{model}.*PERSONA_MODEL"):
        materialize(capture, *TO_USERS, "embeddings", model=model)

    assert not (tmp_path / "data" / "embeddings").exists() or files_in(tmp_path / "data" / "embeddings") == []


@pytest.mark.slow
def test_a_run_without_a_day_is_refused(capture, tmp_path):
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    environment = {
        "DAGSTER_HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PERSONA_CAPTURE": str(capture),
        "PERSONA_DATA": str(tmp_path / "data"),
    }

    done = subprocess.run(
        ["dagster", "job", "execute", "-m", "persona_assets.definitions", "-j", "prepare_days"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "partition" in done.stdout + done.stderr
    assert not (tmp_path / "data").exists()


def test_a_rejected_line_can_be_found_in_its_file(materialize, capture):
    data = materialize(capture, *RAW)

    for row in rejections(data):
        content = (capture / row["source_file"]).read_bytes()
        if row["source_file"].endswith(".gz"):
            content = gzip.decompress(content)
        assert content.split(b"\n")[row["line_number"] - 1].rstrip(b"\r") == row["raw"]
