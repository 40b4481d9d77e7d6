"""Compacted statements in a graph: missing, old, damaged, of other days, and without forgotten accounts."""

import datetime as dt

import dagster as dg
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets.assets.consents import compacted_file
from persona_assets.assets.consents.compacted_file import FILE_NAME, split_days
from persona_assets.assets.consents.day_files import list_days
from persona_assets.common.parquet_files import write_parquet
from persona_assets.consent.schemas import CONSENT_RECORDS
from persona_assets.forgetting.forget import StoragePlaces, forget_accounts
from persona_assets_tests.assets.consents.builders import Graph
from persona_assets_tests.consent.builders import ALICE, BOB, account, label, said, withdrawn
from persona_assets_tests.forgetting.builders import STARTED

CAROL = "did:plc:carol"
STATEMENTS = {
    "2025-03-01": [said("training", allow=False, at=1), account("deactivated", at=1), label(user_id=CAROL)],
    "2025-03-02": [said("embedding", allow=False, at=2, key="3k"), account("active", at=2), withdrawn(key="3w")],
    "2025-03-03": [account("active", at=3), account("takendown", at=3, user_id=BOB), label(at=3)],
    "2025-03-04": [label(at=4, user_id=CAROL, bot=True)],
}


@pytest.fixture
def graphs(tmp_path, monkeypatch):
    """Make a graph whose statements are compacted from two new days on, and one that has no compacted file."""
    monkeypatch.setattr(compacted_file, "MAX_NEW_DAYS", 1)
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    with dg.DagsterInstance.ephemeral() as instance, dg.DagsterInstance.ephemeral() as other:
        yield [Graph(tmp_path / name, dict(STATEMENTS), on) for name, on in (("data", instance), ("without", other))]


def store(graphs, *days):
    for graph in graphs:
        graph.store(*days)


def require_same(graphs):
    """The table with the compacted file must have the bytes of the one without."""
    with_file, without = graphs
    with_file.resolve()
    (without.folder / FILE_NAME).unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compacted_file, "MAX_NEW_DAYS", 1_000)
        without.resolve()
    tables = [(graph.folder / "consents.parquet").read_bytes() for graph in graphs]
    assert tables[0] == tables[1]


def split(graph):
    folder = graph.folder
    days = list_days(pafs.LocalFileSystem(), str(folder / "consent_records"))
    dataset = pads.dataset([file.path for file in days.values()], schema=CONSENT_RECORDS)
    found = split_days(dataset, days, str(folder / FILE_NAME))
    return len(found.new.files), found.compacted and list(found.compacted.changed)


def test_days_are_compacted_once_enough_are_new(graphs):
    graph = graphs[0]
    store(graphs, "2025-03-01")
    require_same(graphs)
    assert not (graph.folder / FILE_NAME).exists()

    store(graphs, "2025-03-02", "2025-03-03")
    require_same(graphs)
    assert split(graph) == (0, [])
    before = (graph.folder / FILE_NAME).read_bytes()

    store(graphs, "2025-03-04")
    assert split(graph) == (1, [])
    require_same(graphs)
    assert (graph.folder / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("day", list(STATEMENTS)[:3])
def test_a_day_that_is_made_again_or_removed_counts_as_it_is_now(graphs, day):
    store(graphs, *list(STATEMENTS)[:3])
    require_same(graphs)

    for graph in graphs:
        graph.days[day] = [account("active", at=2), said("archive", allow=True, user_id=CAROL)]
    store(graphs, day)
    assert split(graphs[0]) == (1, [day])
    require_same(graphs)

    for graph in graphs:
        (graph.folder / "consent_records" / f"{day}.parquet").unlink()
    require_same(graphs)
    store(graphs, "2025-03-04", day)
    require_same(graphs)


def remove(file):
    file.unlink()


def cut(file):
    file.write_bytes(file.read_bytes()[:-20])


def flip(file):
    content = bytearray(file.read_bytes())
    content[60] ^= 1
    file.write_bytes(content)


def empty(file):
    file.write_bytes(b"")


def rewrite_without_digests(file):
    pq.write_table(pq.read_table(file).slice(0, 1), file)


def rewrite_with_another_schema(file):
    table = pq.read_table(file).select(["user_id", "day"])
    write_parquet(file, table.schema, [table])


@pytest.mark.parametrize("damage", [remove, cut, flip, empty, rewrite_without_digests, rewrite_with_another_schema])
def test_without_a_usable_file_all_days_are_read(graphs, damage):
    store(graphs, *list(STATEMENTS)[:3])
    require_same(graphs)
    damage(graphs[0].folder / FILE_NAME)

    assert split(graphs[0]) == (3, None)
    require_same(graphs)
    assert split(graphs[0]) == (0, [])


def test_a_file_of_mostly_other_days_is_not_used(graphs):
    store(graphs, *list(STATEMENTS)[:3])
    require_same(graphs)
    for graph in graphs:
        graph.days |= {day: [account("active", at=7)] for day in STATEMENTS}
    store(graphs, *list(STATEMENTS)[:2])

    assert split(graphs[0]) == (3, None)
    require_same(graphs)


def test_a_file_with_rows_of_another_day_is_always_read(graphs):
    graph = graphs[0]
    store(graphs, *list(STATEMENTS)[:3])
    folder = graph.folder / "consent_records"
    (folder / "2025-03-05.parquet").write_bytes((folder / "2025-03-01.parquet").read_bytes())
    graph.resolve()

    assert split(graph) == (1, [])


def test_days_without_a_checksum_or_without_rows(graphs):
    for graph in graphs:
        graph.days["2025-03-04"] = []
    store(graphs, *STATEMENTS)
    for graph in graphs:
        file = graph.folder / "consent_records" / "2025-03-02.parquet"
        pq.write_table(pq.read_table(file).replace_schema_metadata(), file)
    require_same(graphs)

    assert split(graphs[0]) == (1, [])


def test_the_file_keeps_no_account_that_was_forgotten(graphs):
    store(graphs, *list(STATEMENTS)[:3])
    require_same(graphs)

    for graph in graphs:
        places = StoragePlaces(UPath(graph.folder), graph.folder / "vector_store", [], 7)
        forget_accounts([ALICE], places, started=STARTED, log=list[str]().append)

    assert ALICE not in set(pq.read_table(graphs[0].folder / FILE_NAME)["user_id"].to_pylist())
    require_same(graphs)
    assert set(graphs[0].rows()) == {BOB}


def test_its_days_are_those_of_the_rows(graphs):
    store(graphs, *list(STATEMENTS)[:3])
    graphs[0].resolve()

    days = pq.read_table(graphs[0].folder / FILE_NAME)["day"].to_pylist()
    assert set(days) == {dt.date(2025, 3, day) for day in (1, 2, 3)}
