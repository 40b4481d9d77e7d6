"""Find the stored days with accounts that policy leaves out now: made before a refusal, or before it was read."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from persona_assets.assets.consents.day_files import list_days
from persona_assets.consent.policy import find_users_to_leave_out, find_users_without_allowance
from persona_assets.consent.purposes import PURPOSES, PURPOSES_OF, Condition, Purpose, UndefinedMeans

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
    """A stored day of an asset that holds accounts which must be left out now, with their number by reason."""

    asset: str
    day: str
    accounts: Counter[str]  # by reason


def find_stale_days(
    consents: pa.Table,
    undefined: Mapping[Purpose, UndefinedMeans],
    *,
    filesystem: pafs.FileSystem,
    data: str,
) -> Iterator[StaleDay]:
    """Yield the stored days that hold accounts which must be left out now, sorted by asset and day.

    Of each day the ids of its accounts are read and nothing else, one day at a time; nothing is read for an asset that
    nobody refuses. Accounts that are deleted or taken down are not looked for: that happens on every day.

    Args:
        consents: `CONSENTS`.
        undefined: What the lack of a statement means, by purpose.
        filesystem: Where the assets are stored.
        data: The folder with a folder for each asset.
    """
    for asset, purposes in PURPOSES_OF_ASSETS.items():
        refusing = find_users_to_leave_out(consents, purposes, undefined, with_accounts=False)
        if not len(refusing) and "deny" not in {undefined.get(purpose) for purpose in PURPOSES if purpose in purposes}:
            continue
        for day, stored in list_days(filesystem, f"{data}/{asset}").items():
            try:
                users = _read_users(filesystem, stored.path)
            except (pa.ArrowException, OSError, ValueError):
                yield StaleDay(asset, day, Counter({UNREADABLE: 1}))
                continue
            without = find_users_without_allowance(users, consents, purposes, undefined)
            accounts = _count_reasons(users, refusing, without)
            if accounts:
                yield StaleDay(asset, day, accounts)


def _read_users(filesystem: pafs.FileSystem, path: str) -> pa.ChunkedArray:
    """Return the accounts of a stored day, some several times: of a table, or of a folder of `cluster_jsonl`."""
    if path.endswith(".parquet"):
        column = pq.read_table(path, columns=["user_id"], filesystem=filesystem, read_dictionary=["user_id"])["user_id"]
        # The dictionaries of row groups hold each account once, where the column has a row for each of its posts.
        return pa.chunked_array([chunk.dictionary for chunk in column.chunks], pa.string())
    with filesystem.open_input_stream(f"{path}/{_USER_CLUSTERS}") as file:
        return pa.chunked_array([list(json.loads(file.read()))], pa.string())


def _count_reasons(users: pa.ChunkedArray, refusing: pa.Table, without: pa.Table) -> Counter[str]:
    """Return the number of users by reason: each once, and a refusal before the lack of a statement."""
    found = pc.unique(users.filter(pc.is_in(users, value_set=refusing["user_id"].combine_chunks())))
    refused = refusing.filter(pc.is_in(refusing["user_id"], value_set=found))
    others = without.filter(pc.invert(pc.is_in(without["user_id"], value_set=found)))
    return Counter([*refused["reason"].to_pylist(), *others["reason"].to_pylist()])
