"""A full disk of data or scratch is a `StorageError` that names the place and the settings."""

import datetime as dt
import errno
import tempfile

import duckdb
import pyarrow as pa
import pytest

from persona_assets.common.database import open_duckdb
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.errors import StorageError
from persona_assets.sample.write import write_capture
from persona_assets_tests.dying import materialize

DAY = "2025-03-01"


@pytest.mark.parametrize("step", ["raw_events", "user_actions"])
def test_a_full_scratch_disk_is_named_and_nothing_is_left(step, small_disk, tmp_path, monkeypatch):
    write_capture(tmp_path / "capture", days=1, start_date=dt.date(2025, 3, 1), users=200, personas=2, seed=5)
    monkeypatch.setenv("PERSONA_CAPTURE", str(tmp_path / "capture"))
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    if step == "user_actions":
        materialize("raw_events", DAY)

    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises(StorageError, match=f"no space left while writing {small_disk}.* TMPDIR"):
        materialize(step, DAY)

    assert list(small_disk.iterdir()) == []
    assert not list(tmp_path.glob(f"data/{step}/*"))


def test_a_sort_that_fills_the_scratch_disk_names_the_settings(small_disk):
    query = "CREATE TABLE t AS SELECT md5(range::VARCHAR) AS h FROM range(2_000_000)"

    with (
        pytest.raises(StorageError, match=f"below {small_disk}: set TMPDIR .*PERSONA_MEMORY_LIMIT"),
        open_duckdb(memory_limit="40MB", scratch=small_disk) as connection,
    ):
        connection.execute(query)


def test_a_full_disk_is_named_if_a_stream_read_by_a_query_fills_it(small_disk):
    def rows():
        (small_disk / "spool").write_bytes(b"x" * 1_000_000)
        yield pa.record_batch({"n": [1]})

    stream = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), rows())
    with (
        pytest.raises(StorageError, match=f"no space left while writing {small_disk}.* TMPDIR"),
        open_duckdb(memory_limit="40MB", scratch=small_disk) as connection,
    ):
        connection.register("stream", stream)
        connection.execute("CREATE TABLE t AS SELECT * FROM stream")


def test_other_errors_of_a_query_are_not_changed(tmp_path):
    with (
        pytest.raises(duckdb.ConversionException),
        open_duckdb(memory_limit="40MB", scratch=tmp_path) as connection,
    ):
        connection.execute("SELECT 'x'::INTEGER")


def test_other_os_errors_are_not_changed():
    with pytest.raises(FileNotFoundError), explaining_full_disk("place"):
        raise FileNotFoundError(errno.ENOENT, "nowhere")
