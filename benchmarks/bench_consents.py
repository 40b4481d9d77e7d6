"""How long it takes to resolve what all stored days say, and to find stale days: `python benchmarks/bench_consents.py`.

Made-up days. `resolve`: statements of 3 million accounts, most of them that an account is active or that a profile has
no label; one in 400 is a declaration, one in 50 of the events of accounts says that it is deleted. `compact`: what is
kept of all days but the last. `new day`, `late file` and `other day`: the same table from that, as the last day is new,
and after a day in the middle was made again, first with a tenth more statements and then with others. `accounts` and
`posts`: `embeddings` of as many days are searched for accounts to leave out and for deleted posts, of which half are
of the day before the deletion. One after the other: the memory is the peak so far.
"""

import argparse
import datetime as dt
import hashlib
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from persona_assets.assets.consents.compacted_file import FILE_NAME, SplitDays, compact_days, split_days
from persona_assets.assets.consents.day_files import list_days
from persona_assets.assets.consents.stale_days import find_stale_days
from persona_assets.assets.consents.stale_posts import count_deleted_posts
from persona_assets.assets.consents.summary import POLICY_COLUMNS
from persona_assets.common.database import QueryOptions
from persona_assets.common.parquet_files import write_parquet
from persona_assets.consent.resolve import resolve_statements
from persona_assets.consent.schemas import CONSENT_RECORDS, DELETED_POSTS

FIRST = dt.date(2025, 1, 1)
ACCOUNTS = 3_000_000
EMBEDDED = pa.schema([("uri", pa.string()), ("user_id", pa.string())])


def _users(numbers: np.ndarray) -> pa.Array:
    mixed = numbers.astype(np.uint64) * np.uint64(2_654_435_761) % np.uint64(10**10)  # no order by number
    return pc.binary_join_element_wise("did:plc:", pc.utf8_lpad(pa.array(mixed).cast(pa.string()), 24, "a"), "")


def _write_statements(
    file: Path, day: dt.date, rows: int, rng: np.random.Generator, before: pa.Table | None = None
) -> None:
    numbers = np.unique(rng.integers(0, ACCOUNTS, rows))
    users = _users(numbers)
    kind = rng.choice(3, len(numbers), p=[1 / 400, 0.6, 0.4 - 1 / 400])  # declaration, labels, account
    is_said, is_label, is_account = (pa.array(kind == number) for number in range(3))
    midnight = int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 10**6
    gone = np.where(rng.random(len(numbers)) < 1 / 50, "deleted", "active")
    none = pa.nulls(len(numbers), pa.string())
    names = pc.if_else(is_said, "ai_preference", pc.if_else(is_label, "self_labels", "account_status"))
    columns = {name: pa.nulls(len(numbers), CONSENT_RECORDS.field(name).type) for name in CONSENT_RECORDS.names}
    columns |= {
        "user_id": users,
        "event_time_us": pa.array(midnight + rng.integers(0, 86_400 * 10**6, len(numbers))),
        "kind": names,
        "record": pc.if_else(is_account, none, pc.binary_join_element_wise("at://", users, "/", names, "/self", "")),
        "operation": pc.if_else(is_account, none, "update"),
        "scope": pc.if_else(is_said, "global", none),
        "purpose": pc.if_else(is_said, "embedding", none),
        "allow": pc.if_else(
            is_said, pa.array(rng.integers(0, 2, len(numbers)).astype(bool)), pa.scalar(None, pa.bool_())
        ),
        "no_unauthenticated": pc.if_else(is_label, pa.scalar(value=False), pa.scalar(None, pa.bool_())),
        "bot": pc.if_else(is_label, pa.scalar(value=False), pa.scalar(None, pa.bool_())),
        "account_status": pc.if_else(is_account, pa.array(gone), none),
    }
    table = pa.table(columns).select(CONSENT_RECORDS.names).cast(CONSENT_RECORDS)
    table = (table if before is None else pa.concat_tables([table, before])).sort_by("user_id")
    write_parquet(file, CONSENT_RECORDS, [table], day_column=day)


def _write_posts(data: Path, day: int, rows: int, before: pa.Array | None, rng: np.random.Generator) -> pa.Array:
    """Write a day's posts and half as many deletions, and return the addresses of the posts."""
    users = _users(rng.integers(0, ACCOUNTS, rows))
    keys = pc.utf8_lpad(pa.array(np.arange(day * rows, (day + 1) * rows)).cast(pa.string()), 13, "2")
    uris = pc.binary_join_element_wise("at://", users, "/app.bsky.feed.post/", keys, "")
    table, date = pa.table([uris, users], schema=EMBEDDED).sort_by("uri"), FIRST + dt.timedelta(day)
    write_parquet(data / "embeddings" / f"{date}.parquet", EMBEDDED, [table], day_column=date)
    drawn = [of_day.take(pa.array(rng.choice(rows, rows // 4, replace=False))) for of_day in (uris, before or uris)]
    deleted = pc.unique(pa.concat_arrays(drawn))
    authors, times = pa.array([""] * len(deleted)), pa.array(np.full(len(deleted), day))
    deletions = pa.table([deleted, authors, times], schema=DELETED_POSTS).sort_by("uri")
    write_parquet(data / "deleted_posts" / f"{date}.parquet", DELETED_POSTS, [deletions], day_column=date)
    return uris


def _measure(what: str, act: Callable[[], str]) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    seconds = time.perf_counter() - start
    print(f"{what:10}{seconds:8.1f} s {cpu:8.1f} CPU s   peak {after.ru_maxrss >> 10:,} MiB   {result}", flush=True)


def _measure_statements(data: Path, rows: int, options: QueryOptions, rng: np.random.Generator) -> None:
    """Measure resolving all days, and what changes with compacted statements; the tables must be the same."""
    folder, of_all = data / "consent_records", data / "consents.parquet"

    def split(days: int | None = None) -> SplitDays:
        stored = dict(list(list_days(pafs.LocalFileSystem(), str(folder)).items())[:days])
        dataset = pads.dataset([file.path for file in stored.values()], schema=CONSENT_RECORDS)
        return split_days(dataset, stored, str(data / FILE_NAME))

    def resolve(*, all_again: bool = False) -> str:
        found = split()
        compacted = None if all_again else found.compacted
        days = pads.dataset(folder, schema=CONSENT_RECORDS) if all_again else found.new
        resolved = resolve_statements(days, entities=(), compacted=compacted, **options)
        digest = hashlib.sha256(resolved.consents.read_bytes()).hexdigest()
        shutil.move(resolved.consents, of_all)
        return f"{resolved.accounts:,} accounts, {digest[:8]}"

    def compact() -> str:
        written = compact_days(split(days=-1), **options)
        shutil.move(written, data / FILE_NAME)
        return f"{(data / FILE_NAME).stat().st_size >> 20:,} MiB"

    files = sorted(folder.iterdir())
    middle = files[len(files) // 2]
    date = dt.date.fromisoformat(middle.stem)
    _measure("resolve", lambda: resolve(all_again=True))
    _measure("compact", compact)
    _measure("new day", resolve)
    _write_statements(middle, date, rows // 10, rng, pq.read_table(middle, schema=CONSENT_RECORDS))
    _measure("late file", resolve)
    _measure("all again", lambda: resolve(all_again=True))
    _write_statements(middle, date, rows, rng)
    _measure("other day", resolve)
    _measure("all again", lambda: resolve(all_again=True))


def main() -> None:
    """Write the days, and print seconds, MiB and counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--statements", type=int, default=120_000, help="of a day")
    parser.add_argument("--posts", type=int, default=100_000, help="of a day")
    parser.add_argument("--memory-limit", default="2GB")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        data, scratch, uris = Path(folder) / "data", Path(folder) / "scratch", None
        for made in (scratch, *(data / name for name in ("consent_records", "embeddings", "deleted_posts"))):
            made.mkdir(parents=True)
        for day in range(asked.days):
            date = FIRST + dt.timedelta(day)
            _write_statements(data / "consent_records" / f"{date}.parquet", date, asked.statements, rng)
            uris = _write_posts(data, day, asked.posts, uris, rng)
        options = QueryOptions(memory_limit=asked.memory_limit, scratch=scratch)
        print(f"{asked.days} days of {asked.statements:,} statements and {asked.posts:,} posts")
        _measure_statements(data, asked.statements, options, rng)

        def find_accounts() -> str:
            consents = pq.read_table(data / "consents.parquet", columns=list(POLICY_COLUMNS))
            local = pafs.LocalFileSystem()
            days = find_stale_days(consents, {}, filesystem=local, data=str(data), with_accounts=True, **options)
            found = list(days)
            refusing, gone = sum(day.refusing.total() for day in found), sum(day.gone.total() for day in found)
            return f"{refusing:,} that refuse and {gone:,} gone in {len(found)} days"

        def count_posts() -> str:
            days = list(count_deleted_posts(filesystem=pafs.LocalFileSystem(), data=str(data), **options))
            return f"{sum(day.deleted for day in days):,} deleted posts in {len(days)} days"

        _measure("accounts", find_accounts)
        _measure("posts", count_posts)


if __name__ == "__main__":
    main()
