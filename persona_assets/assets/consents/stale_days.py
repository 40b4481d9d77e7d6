"""Find the stored days with accounts that policy leaves out now: those that refuse, and those that are gone."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Unpack

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from persona_assets.assets.consents.day_files import list_days
from persona_assets.common.database import QueryOptions, open_duckdb
from persona_assets.consent.policy import (
    GONE_STATUSES,
    PAUSED_STATUSES,
    find_users_to_leave_out,
    find_users_without_allowance,
)
from persona_assets.consent.purposes import PURPOSES, PURPOSES_OF, Condition, Purpose, UndefinedMeans

# The assets whose stored days are looked at, each with the output in `PURPOSES_OF` whose purposes it needs. `clusters`
# and `user_assignments` are made of embeddings alone. The text of messages is in `cluster_jsonl`.
PURPOSES_OF_ASSETS: Mapping[str, tuple[Condition, ...]] = {
    "embeddings": PURPOSES_OF["embeddings"],
    "clusters": PURPOSES_OF["embeddings"],
    "user_assignments": PURPOSES_OF["embeddings"],
    "cluster_jsonl": PURPOSES_OF["cluster_jsonl"],
}
_USER_CLUSTERS = "user_clusters.json"
UNREADABLE = "damaged: its accounts are unknown"
_DAY_USERS = pa.schema([("day", pa.string()), ("user_id", pa.string()), ("silent", pa.string())])
_COUNT = """
SELECT day, coalesce(left_out.reason, silent) AS why, count(*)
FROM day_users LEFT JOIN left_out USING (user_id) GROUP BY day, why ORDER BY day, why
"""
_GONE_REASONS = {*GONE_STATUSES.values(), *PAUSED_STATUSES.values()}


class StaleDay(NamedTuple):
    """A stored day of an asset that holds accounts which must be left out now, with their number by reason."""

    asset: str
    day: str
    refusing: Counter[str]  # accounts that refuse a purpose, or have to allow it and do not, by reason
    gone: Counter[str]  # accounts that are deleted, taken down, deactivated or suspended, by reason
    gone_share: float  # of the accounts of the day, 0 to 1


def find_stale_days(
    consents: pa.Table,
    undefined: Mapping[Purpose, UndefinedMeans],
    *,
    filesystem: pafs.FileSystem,
    data: str,
    with_accounts: bool,
    **options: Unpack[QueryOptions],
) -> Iterator[StaleDay]:
    """Yield the stored days that hold accounts which must be left out now, sorted by asset and day.

    Of each day the ids of its accounts are read and nothing else, one day at a time; nothing is read for an asset that
    leaves out no account.

    Args:
        consents: `CONSENTS`.
        undefined: What the lack of a statement means, by purpose.
        filesystem: Where the assets are stored.
        data: The folder with a folder for each asset.
        with_accounts: Whether accounts that are gone or inactive are looked for. A refusal of them counts in any case.
        **options: Memory limit of the join of accounts, and a folder for what does not fit.

    Raises:
        StorageError: The disk of `scratch` is full, or the join needs more memory than it may use.
    """
    for asset, purposes in PURPOSES_OF_ASSETS.items():
        left_out = find_users_to_leave_out(consents, purposes, undefined, with_accounts=with_accounts)
        is_denied = "deny" in {undefined.get(purpose) for purpose in PURPOSES if purpose in purposes}
        if not len(left_out) and not is_denied:
            continue
        damaged: list[str] = []
        users = (
            _mark_silent(users, day, consents, purposes, undefined)
            for day, users in _read_days(filesystem, f"{data}/{asset}", damaged)
        )
        with open_duckdb(**options) as connection:
            # DuckDB does not know how many rows the reader has. It would hash those of all days, not those left out:
            # 1.7 in place of 0.5 GiB for 20 days of 500,000 accounts.
            connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
            connection.register("left_out", left_out)
            connection.register("day_users", pa.RecordBatchReader.from_batches(_DAY_USERS, users))
            counted = connection.sql(_COUNT).fetchall()
        yield from _list_days(asset, counted)
        yield from (StaleDay(asset, day, Counter({UNREADABLE: 1}), Counter(), 0.0) for day in damaged)


def _read_days(filesystem: pafs.FileSystem, folder: str, damaged: list[str]) -> Iterator[tuple[str, pa.StringArray]]:
    """Yield each stored day with its distinct accounts; days that are damaged are added to `damaged`."""
    for day, stored in list_days(filesystem, folder).items():
        try:
            yield day, pc.unique(_read_users(filesystem, stored.path))
        except (pa.ArrowException, OSError, ValueError):
            damaged.append(day)


def _read_users(filesystem: pafs.FileSystem, path: str) -> pa.ChunkedArray:
    """Return the accounts of a stored day, some several times: of a table, or of a folder of `cluster_jsonl`."""
    if path.endswith(".parquet"):
        column = pq.read_table(path, columns=["user_id"], filesystem=filesystem, read_dictionary=["user_id"])["user_id"]
        # The dictionaries of row groups hold each account once, where the column has a row for each of its posts.
        return pa.chunked_array([chunk.dictionary for chunk in column.chunks], pa.string())
    with filesystem.open_input_stream(f"{path}/{_USER_CLUSTERS}") as file:
        return pa.chunked_array([list(json.loads(file.read()))], pa.string())


def _mark_silent(
    users: pa.StringArray,
    day: str,
    consents: pa.Table,
    purposes: Sequence[Condition],
    undefined: Mapping[Purpose, UndefinedMeans],
) -> pa.RecordBatch:
    """Return a row per account, with the reason to leave it out if it does not say what it has to."""
    without = find_users_without_allowance(users, consents, purposes, undefined)
    silent = without["reason"].combine_chunks().take(pc.index_in(users, value_set=without["user_id"].combine_chunks()))
    return pa.record_batch([pa.repeat(day, len(users)), users, silent], schema=_DAY_USERS)


def _list_days(asset: str, counted: Sequence[tuple[str, str | None, int]]) -> Iterator[StaleDay]:
    """Yield the days with a reason to leave out an account.

    Args:
        asset: The asset of the days.
        counted: Day, reason and number of accounts; the reason None is that of the accounts that may stay.
    """
    by_day: dict[str, Counter[str | None]] = {}
    for day, reason, accounts in counted:
        by_day.setdefault(day, Counter())[reason] = accounts
    for day, counts in by_day.items():
        reasons = Counter({reason: number for reason, number in counts.items() if reason is not None})
        gone = Counter({reason: number for reason, number in reasons.items() if reason in _GONE_REASONS})
        if reasons:
            yield StaleDay(asset, day, reasons - gone, gone, gone.total() / counts.total())
