"""Open what accounts said and deleted, over all stored days: `consents`, and the side table `deleted_posts`.

Daily assets depend on the unpartitioned asset `consents` and read it here, not as an input: an input must be in the
graph, and users' own graphs may have no such asset.
"""

from typing import Any

import pyarrow.dataset as pads
from upath import UPath

from persona_assets.common.metadata import build_count_table
from persona_assets.consent.left_out import ConsentTables, LeftOut, count_by_reason
from persona_assets.errors import MissingPartitionError
from persona_assets.io_managers.stored_days import list_stored_days, open_days, open_table_of_all_days
from persona_assets.settings import read_settings


def open_consent_tables(*, in_graph: bool, since: str) -> ConsentTables:
    """Open `consents`, and `deleted_posts` of the stored days from `since` on, as lazy datasets.

    A deletion comes after its post, so that earlier days have none of the window's posts.

    Args:
        in_graph: Whether the graph has the asset `consents`. Without it nobody is known to have said anything.
        since: First day of the window, as "2025-03-01".

    Raises:
        MissingPartitionError: `consents` is in the graph and has not been materialized. Who refuses is then unknown,
            and no refusal may be overlooked.
        StorageError: A file has changed since it was written.
    """
    if not in_graph:
        return ConsentTables(None, None)
    data = read_settings().data
    consents = open_table_of_all_days(data, "consents")
    if consents is None:
        raise MissingPartitionError(
            f"consents has not been materialized, there is no {UPath(data).absolute() / 'consents.parquet'}: which "
            "accounts refuse the use of their data is unknown. Run dg launch --assets consent_records --partition DAY "
            "for each day that has raw_events, then dg launch --assets consents"
        )
    days = [day for day in list_stored_days(data, "deleted_posts") if f"{day}" >= since]
    return ConsentTables(consents, open_days(data, "deleted_posts", days) if days else None)


def left_out_metadata(left_out: LeftOut, users: pads.Dataset) -> dict[str, Any]:
    """Return the metadata entries `left_out`, users by reason, and `deleted_posts`, the number of posts left out.

    Args:
        left_out: Accounts and posts that a result does not have.
        users: A table with `user_id`: the users who could be in the result.
    """
    counts = count_by_reason(left_out, users.to_table(columns=["user_id"])["user_id"])
    return {"left_out": build_count_table(counts, of="reason"), "deleted_posts": len(left_out.posts)}
