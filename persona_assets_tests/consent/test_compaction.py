"""Compacted statements give the same `consents` as the days behind them, whatever becomes of these days."""

import datetime as dt

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.common.database import QueryOptions
from persona_assets.consent.compaction import CompactedStatements, write_compacted_statements
from persona_assets.consent.resolve import resolve_statements
from persona_assets.consent.schemas import COMPACTED_STATEMENTS, CONSENT_RECORDS
from persona_assets_tests.consent.builders import ALICE, BOB, account, label, said, withdrawn

DAYS = [f"2025-03-{number:02}" for number in range(1, 6)]


class Days:
    """Files of days in a folder, and what is compacted of them."""

    def __init__(self, folder):
        self.folder, self.rows, self.compacted = folder, {}, {}
        self.filesystem = pafs.LocalFileSystem()

    def store(self, day, rows):
        self.rows[day] = rows

    def open(self, days):
        files = []
        for day in sorted(days):
            file = self.folder / f"{day}.parquet"
            table = pa.Table.from_pylist(self.rows[day], schema=CONSENT_RECORDS)
            dates = pa.array([dt.date.fromisoformat(day)] * len(table), pa.date32())
            pq.write_table(table.append_column(COMPACTED_STATEMENTS.field("day"), dates), file)
            files.append(str(file))
        return self._open_files(files, CONSENT_RECORDS)

    def _open_files(self, files, schema):
        return pads.FileSystemDataset.from_paths(
            files, schema=schema, format=pads.ParquetFileFormat(), filesystem=self.filesystem
        )

    def open_with_day(self, days):
        return self._open_files(days.files, COMPACTED_STATEMENTS)

    def split(self):
        """The days to read, and the compacted ones."""
        if not self.compacted:
            return self.open(self.rows), None
        changed = [day for day, rows in self.compacted.items() if self.rows.get(day) != rows]
        unchanged = self.compacted.keys() - set(changed)
        rows = self._open_files([str(self.folder / "compacted")], COMPACTED_STATEMENTS)
        compacted = CompactedStatements(rows, self.open_with_day(self.open(unchanged)), changed)
        return self.open(self.rows.keys() - unchanged), compacted

    def compact(self):
        days, compacted = self.split()
        new = self.folder / "new"
        rows = write_compacted_statements(
            new, self.open_with_day(days), compacted, metadata={"a": "b"}, **self.options()
        )
        new.rename(self.folder / "compacted")
        self.compacted = dict(self.rows)
        return rows

    def resolve(self, *, all_again=False):
        days, compacted = (self.open(self.rows), None) if all_again else self.split()
        found = resolve_statements(days, entities=(), compacted=compacted, **self.options())
        return found.consents.read_bytes(), found[1:]

    def options(self):
        return QueryOptions(memory_limit="512MB", scratch=self.folder)


def require_same(days):
    assert days.resolve() == days.resolve(all_again=True)


@pytest.fixture
def days(tmp_path):
    stored = Days(tmp_path)
    stored.store("2025-03-01", [account("deleted", at=1), label(at=1, user_id=BOB), said("training", allow=False)])
    stored.store(
        "2025-03-02", [account("active", at=2), label(at=2, user_id=BOB), account("active", at=2, user_id=BOB)]
    )
    stored.store("2025-03-03", [account("active", at=3), label(at=3, bot=True), label(at=3, user_id=BOB)])
    return stored


def test_only_the_last_neutral_statement_of_an_account_and_kind_is_kept(days):
    assert days.compact() == 6  # of nine
    require_same(days)
    table = pq.read_table(days.folder / "compacted")
    assert table.schema.metadata[b"a"] == b"b"
    assert table["user_id"].to_pylist() == sorted(table["user_id"].to_pylist())


def test_an_account_that_first_says_something_on_a_new_day_has_its_history(days):
    days.compact()
    days.store("2025-03-04", [said("embedding", allow=False, at=4, user_id=BOB)])

    require_same(days)


@pytest.mark.parametrize("day", ["2025-03-01", "2025-03-02", "2025-03-03"])
@pytest.mark.parametrize("rows", [[], [account("active", at=1, user_id=BOB)], [account("active", at=9), label(at=9)]])
def test_a_day_that_is_made_again_gives_what_all_days_give(days, day, rows):
    days.compact()
    days.store(day, rows)

    require_same(days)
    days.compact()
    require_same(days)


@pytest.mark.parametrize("day", ["2025-03-01", "2025-03-03", "2025-03-04"])
def test_what_pyarrow_reads_from_another_file_system_gives_the_same(days, day):
    days.filesystem = pafs.PyFileSystem(pafs.FSSpecHandler(LocalFileSystem()))
    days.compact()
    days.store(day, [account("active", at=1, user_id=BOB), said("training", allow=True, at=9)])

    require_same(days)
    days.compact()
    require_same(days)


def test_what_a_day_said_is_gone_with_it(days):
    days.compact()
    del days.rows["2025-03-03"]

    require_same(days)
    days.store("2025-03-01", [])
    require_same(days)


STATEMENTS = st.one_of(
    st.builds(label, no_unauthenticated=st.booleans(), bot=st.booleans(), at=st.integers(1, 4)),
    st.builds(label, user_id=st.just(BOB), at=st.integers(1, 4), rev=st.sampled_from([None, "3a", "3b"])),
    st.builds(
        account,
        st.sampled_from(["active", "active", "deleted"]),
        at=st.integers(1, 4),
        user_id=st.sampled_from([ALICE, BOB]),
    ),
    st.builds(
        said, st.just("training"), allow=st.booleans(), at=st.integers(1, 4), user_id=st.sampled_from([ALICE, BOB])
    ),
    st.builds(withdrawn, at=st.integers(1, 4)),
    st.builds(lambda at: withdrawn(at=at, kind="self_labels"), at=st.integers(1, 4)),
)
CHANGES = st.tuples(st.sampled_from(DAYS), st.one_of(st.none(), st.lists(STATEMENTS, max_size=4)), st.booleans())


@settings(max_examples=40)  # each opens DuckDB up to a dozen times
@given(st.lists(CHANGES, min_size=2, max_size=6))
def test_any_days_made_removed_and_compacted_in_any_order_give_what_all_days_give(tmp_path_factory, changes):
    days = Days(tmp_path_factory.mktemp("days"))
    for day, rows, is_compacted in changes:
        if rows is None:
            days.rows.pop(day, None)
        else:
            days.store(day, rows)
        if is_compacted:
            days.compact()
    require_same(days)
