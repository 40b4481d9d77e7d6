"""Capture and results on S3: an S3 server on this machine, and the whole graph, with the bytes of a local disk."""

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.capture.files import find_files
from persona_assets.definitions import build_definitions
from persona_assets.io_managers.atomic_storage import ABANDONED_AFTER, replacing_file, replacing_folder
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings

DAY = "2025-03-01"
MANY = 5000  # S3 lists a thousand objects per request


class Server:
    """An S3 server that can be stopped and started again at the same port, with the same objects."""

    port = 0  # any free port the first time

    def start(self) -> None:
        """Start the server."""
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes seconds, only for these tests

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        _, self.port = self._server.get_host_and_port()

    def stop(self) -> None:
        """Stop the server; its objects are kept."""
        self._server.stop()


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    """A running server; the environment is set to use it."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # otherwise it logs each request
    server = Server()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_RETRY_MODE", "standard")
        patch.setenv("AWS_MAX_ATTEMPTS", "10")
        yield server
    server.stop()
    # Otherwise fsspec gives the file system of this server's port to the next server of the process.
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.fixture
def place(s3, tmp_path) -> UPath:
    """A folder in a new bucket."""
    del s3
    bucket = UPath(f"s3://{tmp_path.name.replace('_', '-')}")
    bucket.mkdir()
    return bucket / "personas"


def run_graph(capture: str, data: str) -> None:
    """Materialize every asset for one day."""
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("PERSONA_CAPTURE", capture)
        patch.setenv("PERSONA_DATA", data)
        patch.setenv("PERSONA_N_CLUSTERS", "2")
        patch.setenv("PERSONA_ADD_IGNORED_MESSAGES", "true")
        job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
        job.execute_in_process(partition_key=DAY, instance=instance)


def stored(data: UPath) -> dict[str, bytes]:
    """Return the content of all result files by their path below `data`, without the vector cache."""
    files = data.fs.find(data.path)
    return {
        name: data.fs.cat_file(file)
        for file in files
        if "vector_store/" not in (name := file.removeprefix(data.path).lstrip("/"))
    }


@pytest.mark.model
@pytest.mark.slow
def test_the_whole_graph_on_s3_gives_the_bytes_of_a_local_disk(place, tmp_path):
    capture = tmp_path / "capture"
    write_capture(capture, days=1, start_date=dt.date(2025, 3, 1), users=60, personas=2, seed=5)
    place.fs.put(f"{capture}/", f"{place}/capture/", recursive=True)

    run_graph(str(capture), str(tmp_path / "data"))
    run_graph(f"{place}/capture", f"{place}/assets")

    local, remote = stored(UPath(tmp_path / "data")), stored(place / "assets")
    assert sorted(remote) == sorted(local)
    assert {"cluster_jsonl", "cluster_stats", "dataset", "agent_profiles"} <= {name.split("/")[0] for name in local}
    assert [name for name in local if remote[name] != local[name]] == []


def test_a_listing_of_thousands_of_files_is_complete(place):
    names = {f"{DAY}/events-{n:05d}" for n in range(MANY)}
    bucket, _, folder = place.path.partition("/")
    for name in names:
        put_behind_the_api(bucket, f"{folder}/{name}", b"\n")

    files = find_files(place, dt.date(2025, 3, 1), pattern=None)

    assert {file.name for file in files} == names
    assert {file.size for file in files} == {1}


def put_behind_the_api(bucket: str, key: str, content: bytes) -> Any:
    """Return an object that was put into the server's memory: through its API, thousands take a minute."""
    from moto.core import DEFAULT_ACCOUNT_ID  # noqa: PLC0415 - as above
    from moto.s3.models import s3_backends  # noqa: PLC0415 - as above

    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, content)


def test_an_error_while_writing_a_file_leaves_the_old_one(place):
    table = place / "table"
    table.write_bytes(b"old")

    with pytest.raises(ValueError, match="half"), replacing_file(table) as temporary:
        temporary.write_bytes(b"ne")
        raise ValueError("half")

    assert stored(place) == {"table": b"old"}


def test_a_file_is_replaced_atomically(place):
    table = place / "table"
    table.write_bytes(b"old")

    with replacing_file(table) as temporary:
        temporary.write_bytes(b"new")
        assert table.read_bytes() == b"old"

    assert stored(place) == {"table": b"new"}


def test_a_folder_is_replaced_atomically(place, tmp_path):
    for content in ("old", "new"):
        write_folder(place / DAY, content, scratch=tmp_path)

    assert stored(place) == {f"{DAY}/a": b"new", f"{DAY}/last": b"new"}


def test_an_incomplete_upload_has_no_last_file(place, tmp_path):
    write_folder(place / DAY, "old", scratch=tmp_path)

    with pytest.raises(FileNotFoundError):
        write_folder(place / DAY, "new", scratch=tmp_path, unreadable="b")

    assert stored(place) == {f"{DAY}/a": b"new"}


def write_folder(path: UPath, content: str, *, scratch: Path, unreadable: str | None = None) -> None:
    with replacing_folder(path, last_file="last", scratch=scratch) as folder:
        for name in ("a", "last"):
            (folder / name).write_text(content)
        if unreadable:
            (folder / unreadable).symlink_to("nowhere")


def test_the_next_write_removes_temporary_files_of_killed_runs(place):
    bucket, _, folder = place.path.partition("/")
    left = [put_behind_the_api(bucket, f"{folder}/.{day}.{'0' * 32}.tmp", b"half") for day in ("old", "new")]
    left[0].last_modified -= ABANDONED_AFTER * 1.1

    with replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"whole")

    assert sorted(stored(place)) == [f".new.{'0' * 32}.tmp", "table"]


def test_several_processes_read_a_capture(place, tmp_path):
    for name in ("a", "b"):
        (place / DAY / name).write_bytes(b"{not json\n")
    # The reported sizes are large enough for one process each.
    files = [file._replace(size=1 << 26) for file in find_files(place, dt.date(2025, 3, 1), pattern=None)]

    parsed = parse_files(files, day=dt.date(2025, 3, 1), workers=2, scratch=tmp_path)

    assert (parsed.counts.files, parsed.counts.rejected) == (2, {"not JSON": 2})


@pytest.mark.slow
def test_writes_are_retried_during_an_outage(s3, place):
    (place / "table").write_bytes(b"old")
    s3.stop()
    comes_back = threading.Timer(8, s3.start)
    comes_back.start()

    with replacing_file(place / "table") as temporary:
        temporary.write_bytes(b"new")

    assert stored(place) == {"table": b"new"}
    comes_back.join()
