"""Find the stored days with accounts that policy leaves out now: made before a refusal, or before it was read."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from persona_assets.assets.consents.stored_days import list_days
from persona_assets.consent.policy import find_refusing_users, find_users_without_allowance
from persona_assets.consent.purposes import PURPOSES_OF, Condition, Purpose, UndefinedMeans

# The assets whose stored days are looked at, each with the output in `PURPOSES_OF` whose purposes it needs. `clusters`
# is made of embeddings alone. The text of messages is in `cluster_jsonl`.
PURPOSES_OF_ASSETS: Mapping[str, tuple[Condition, ...]] = {
    "embeddings": PURPOSES_OF["embeddings"],
    "clusters": PURPOSES_OF["embeddings"],
    "cluster_jsonl": PURPOSES_OF["cluster_jsonl"],
}
_USER_CLUSTERS = "user_clusters.json"
UNREADABLE = "damaged: its accounts are unknown"


class StaleDay(NamedTuple):
    """A stored day of an asset with accounts that are to be left out now."""

    asset: str
    day: str
    accounts: Counter[str]  # by reason: those that refuse a purpose, or have to allow it and do not
    gone: Counter[str]  # by reason: the others that are deleted, taken down or deactivated, which happens daily


def find_stale_days(
    consents: pa.Table,
    undefined: Mapping[Purpose, UndefinedMeans],
    *,
    filesystem: pafs.FileSystem,
    data: str,
) -> Iterator[StaleDay]:
    """Yield the stale days of `PURPOSES_OF_ASSETS`, by asset and day.

    Of each day, the ids of its accounts are read and nothing else, one day at a time.

    Args:
        consents: `CONSENTS`.
        undefined: What the lack of a statement means, by purpose.
        filesystem: Where the assets are stored.
        data: The folder with a folder for each asset.
    """
    for asset, purposes in PURPOSES_OF_ASSETS.items():
        refusing = find_refusing_users(consents, purposes, undefined, with_accounts=False)
        gone = find_refusing_users(consents, (), {})
        for day, stored in list_days(filesystem, f"{data}/{asset}").items():
            try:
                users = _read_users(filesystem, stored.path)
            except (pa.ArrowException, OSError, ValueError):
                yield StaleDay(asset, day, Counter({UNREADABLE: 1}), Counter())
                continue
            without = find_users_without_allowance(users, consents, purposes, undefined)
            of_refusals, of_status = _count(users, (refusing, without), (gone,))
            if of_refusals or of_status:
                yield StaleDay(asset, day, of_refusals, of_status)


def _read_users(filesystem: pafs.FileSystem, path: str) -> pa.Array:
    """Return the distinct accounts of a stored day: of a table, or of the folder of `cluster_jsonl`."""
    if path.endswith(".parquet"):
        table = pq.read_table(path, columns=["user_id"], filesystem=filesystem, read_dictionary=["user_id"])
        column = table["user_id"].unify_dictionaries().combine_chunks()
        return column.dictionary.take(pc.unique(column.indices)) if len(column) else pa.array([], pa.string())
    with filesystem.open_input_stream(f"{path}/{_USER_CLUSTERS}") as file:
        return pa.array(json.loads(file.read()), pa.string())


def _count(users: pa.Array, *groups: Iterable[pa.Table]) -> list[Counter[str]]:
    """Return for each group of `LEFT_OUT` tables the number of `users` by reason; a user counts once, first come."""
    counts: list[Counter[str]] = []
    for tables in groups:
        reasons = Counter[str]()
        for table in tables:
            found = table.filter(pc.is_in(table["user_id"], value_set=users))  # the smaller set is the one hashed
            reasons.update(found["reason"].to_pylist())
            users = users.filter(pc.invert(pc.is_in(users, value_set=found["user_id"].combine_chunks())))
        counts.append(reasons)
    return counts
