"""What accounts said is opened from its files; where it is missing nobody is taken to have agreed."""

import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.consent.schemas import DELETED_POSTS
from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.consent_tables import left_out_metadata, open_consent_tables
from persona_assets_tests.consent.builders import consents, left_out


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "deleted_posts").mkdir(parents=True)
    return tmp_path / "data"


def store_deletion(data, day):
    row = {"uri": f"at://a/p/{day}", "user_id": "a", "event_time_us": 1}
    table = pa.Table.from_pylist([row], schema=DELETED_POSTS)
    pq.write_table(tables.add_day_column(table, dt.date(2025, 3, 1)), data / "deleted_posts" / f"{day}.parquet")


@pytest.mark.usefixtures("data")
def test_a_graph_without_consents_knows_of_no_statement():
    assert open_consent_tables(in_graph=False, since="2025-03-01") == (None, None)
    assert open_consent_tables(in_graph=False, since="2025-03-01").list_inputs() == []


@pytest.mark.usefixtures("data")
def test_consents_that_were_never_made_are_an_error_with_the_remedy():
    with pytest.raises(
        MissingPartitionError, match="dg launch --assets consent_records .* dg launch --assets consents"
    ):
        open_consent_tables(in_graph=True, since="2025-03-01")


def test_deletions_are_those_of_the_window_and_of_all_later_days(data):
    pq.write_table(consents([{"user_id": "a"}]), data / "consents.parquet")
    assert open_consent_tables(in_graph=True, since="2025-03-02").deleted_posts is None
    for day in ("2025-03-01", "2025-03-02", "2026-01-01", ".2026-01-02"):
        store_deletion(data, day)

    said = open_consent_tables(in_graph=True, since="2025-03-02")

    assert said.list_inputs()[0].to_table()["user_id"].to_pylist() == ["a"]
    assert said.deleted_posts.to_table()["uri"].to_pylist() == ["at://a/p/2025-03-02", "at://a/p/2026-01-01"]


def test_the_metadata_counts_users_by_reason_and_posts():
    users = pads.dataset(pa.table({"user_id": ["a", "b", "c"]}))

    metadata = left_out_metadata(left_out({"a": "refuses training", "z": "refuses training"}, ["1", "2"]), users)

    assert [record.data for record in metadata["left_out"].records] == [{"reason": "refuses training", "count": 1}]
    assert metadata["deleted_posts"] == 2
