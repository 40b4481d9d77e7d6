"""What planted accounts say reaches `consents` as the sample's manifest says, in whatever order days are made."""

import datetime as dt

import dagster as dg
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.definitions import build_definitions
from persona_assets.sample.consent_scenarios import ENTITY
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings

DAYS = ["2025-03-01", "2025-03-02", "2025-03-03"]
ASSETS = ["raw_events", "rejected_lines", "consent_records", "consents"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A capture with planted accounts, and the truth about them by account."""
    capture = tmp_path_factory.mktemp("planted") / "capture"
    manifest = write_capture(
        capture, days=3, start_date=dt.date(2025, 3, 1), users=40, personas=2, seed=1, consent=True
    )
    return capture, {account.user_id: account for account in manifest.planted}


def make(capture, data, days, monkeypatch, **settings):
    """Make `consents` after each of the days, and return the last row of each account and the metadata of the last."""
    for name, value in {"CAPTURE": capture, "DATA": data, "WORKERS": 1, **settings}.items():
        monkeypatch.setenv(f"PERSONA_{name}", str(value))
    job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for day in days:
            selection = [dg.AssetKey(asset) for asset in ASSETS]
            done = job.execute_in_process(partition_key=day, instance=instance, asset_selection=selection)
            assert done.success
        checks = {check.check_name: check.passed for check in done.get_asset_check_evaluations()}
    rows = pq.read_table(data / "consents.parquet").to_pylist()
    return {row["user_id"]: row for row in rows}, checks


def what_counts(row):
    """What a row of `consents` says: purposes, labels that are set, and a status other than active."""
    said = {name: value for name, value in row.items() if name.endswith("_allow") and value is not None}
    said |= {name: True for name in ("no_unauthenticated", "bot") if row[name]}
    is_closed = row["account_status"] not in {None, "active"}
    return said | ({"account_status": row["account_status"]} if is_closed else {})


@pytest.mark.parametrize("days", [DAYS, DAYS[::-1]], ids=["in order", "backwards"])
def test_each_planted_account_has_the_consent_that_its_statements_mean(planted, tmp_path, monkeypatch, days):
    capture, truth = planted

    rows, checks = make(capture, tmp_path, days, monkeypatch)

    found = {user: what_counts(rows[user]) if user in rows else {} for user in truth}
    assert {truth[user].scenario: said for user, said in found.items()} == {
        account.scenario: account.expected for account in truth.values()
    }
    assert checks["every_stored_day_has_consent_records"]


def test_statements_about_an_entity_count_for_that_entity(planted, tmp_path, monkeypatch):
    capture, truth = planted

    rows, _ = make(capture, tmp_path, DAYS, monkeypatch, CONSENT_ENTITY=f"did:web:us.example,{ENTITY.upper()}")

    found = {user: what_counts(rows[user]) if user in rows else {} for user in truth}
    assert {truth[user].scenario: said for user, said in found.items()} == {
        account.scenario: account.expected_of_entity for account in truth.values()
    }


def test_deleted_posts_are_those_that_were_planted(planted, tmp_path, monkeypatch):
    capture, truth = planted
    make(capture, tmp_path, DAYS, monkeypatch)

    files = [str(file) for file in sorted((tmp_path / "deleted_posts").glob("*.parquet"))]
    deleted = set(pads.dataset(files).to_table()["uri"].to_pylist())

    assert {uri for uri in deleted if uri.split("/")[2] in truth} == {
        uri for account in truth.values() for uri in account.deleted_posts
    }


def test_every_record_named_is_one_that_the_account_wrote(planted, tmp_path, monkeypatch):
    capture, truth = planted
    rows, _ = make(capture, tmp_path, DAYS, monkeypatch)

    for user in truth.keys() & rows.keys():
        named = {name: value for name, value in rows[user].items() if name.endswith("_record") and value}
        assert all(uri.startswith(f"at://{user}/") for uri in named.values())
        assert {name.removesuffix("_record") for name in named} == {
            name.removesuffix("_allow") for name in truth[user].expected if name.endswith("_allow")
        }
