import os

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pytest

from persona_assets.assets.consents.day_files import list_days, open_verified_days
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import StorageError

LOCAL = pafs.LocalFileSystem()
SCHEMA = pa.schema([pa.field("number", pa.int64())])


def write(file, *numbers):
    write_parquet(file, SCHEMA, [pa.table({"number": numbers}, SCHEMA)])
    return file


def test_days_are_files_and_folders_named_by_a_day_in_their_order(tmp_path):
    for name in ("2025-03-02.parquet", "2025-03-01.parquet", ".2025-03-03.parquet.tmp", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "2025-03-04").mkdir()

    assert list(list_days(LOCAL, str(tmp_path))) == ["2025-03-01", "2025-03-02", "2025-03-04"]
    assert list_days(LOCAL, str(tmp_path / "none")) == {}


def test_a_day_that_is_made_again_is_another_version_also_of_the_same_size(tmp_path):
    file = write(tmp_path / "2025-03-01.parquet", 1)
    before = list_days(LOCAL, str(tmp_path))
    assert list_days(LOCAL, str(tmp_path)) == before

    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1000))

    assert list_days(LOCAL, str(tmp_path)) != before


def test_files_that_were_not_verified_before_are_when_they_are_opened(tmp_path):
    first, second = (write(tmp_path / f"2025-03-0{day}.parquet", day) for day in (1, 2))
    opened = pads.dataset([str(first)], schema=SCHEMA)
    days = list_days(LOCAL, str(tmp_path)).values()

    assert open_verified_days(opened, days, verified=opened.files).to_table()["number"].to_pylist() == [1, 2]

    content = bytearray(second.read_bytes())
    content[10] ^= 1
    second.write_bytes(content)
    with pytest.raises(StorageError, match="2025-03-02"):
        open_verified_days(opened, days, verified=opened.files)
