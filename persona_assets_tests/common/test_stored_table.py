"""The schema of the files of a stored table."""

import pyarrow as pa
import pytest

from persona_assets import tables
from persona_assets.common.stored_table import StoredTable

SCHEMA = pa.schema([("user_id", pa.string())])


@pytest.mark.parametrize(
    ("files", "schema"),
    [("own/<day>.parquet", tables.add_day_field(SCHEMA)), ("own.parquet", SCHEMA)],
)
def test_daily_files_have_the_column_day(files, schema):
    assert StoredTable("own", files, "A user.", SCHEMA).stored_schema == schema
