"""Find what an output must not have of a window: the accounts that are left out, and the posts that were deleted."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.progress import phase
from persona_assets.consent.policy import LEFT_OUT, find_users_to_leave_out, find_users_without_allowance
from persona_assets.consent.purposes import PURPOSES_OF, Condition, Purpose, UndefinedMeans

# The reason of a post that is left out although its author is not.
DELETED_POST = "deleted by its author"

# A deletion concerns the posts before it: a record may be deleted and then created again under the same key. Hashes
# narrow deletions down to those of the window's posts, because the URIs of all posts would take ten times the memory.
FIND_DELETED = """
WITH concerned AS (
    SELECT uri, max(event_time_us) AS deleted_us FROM deleted_posts
    WHERE hash(uri) IN (SELECT hash(uri) FROM posts) GROUP BY uri
)
SELECT DISTINCT uri FROM posts JOIN concerned USING (uri) {where} ORDER BY uri
"""
_AND_ACCOUNTS_ACTED_ON = "UNION ALL SELECT target_user_id FROM all_rows WHERE action IN ('follow', 'block')"
IF_AFTER_THE_POST = "WHERE deleted_us >= event_time_us"


class ConsentTables(NamedTuple):
    """The tables `consents` and `deleted_posts` as lazy datasets, each None if the graph has no such table."""

    consents: pads.Dataset | None  # schemas.CONSENTS
    deleted_posts: pads.Dataset | None  # schemas.DELETED_POSTS: of the window's days and all later ones that are stored

    def list_inputs(self) -> list[pads.Dataset]:
        """Return `consents` in a list, or [] without it: inputs for the provenance of a result."""
        return [] if self.consents is None else [self.consents]


class LeaveOutRules(NamedTuple):
    """Rules for which accounts and posts an output leaves out: purposes, what silence means, and deletions."""

    purposes: tuple[Condition, ...]  # that the output needs, as in `purposes.PURPOSES_OF`
    undefined: Mapping[Purpose, UndefinedMeans]  # what it means that an account says nothing
    drop_deletions: bool  # whether deleted posts, and accounts that are gone or inactive, are left out


def leave_out_rules(output: str, *, deletions: Literal["keep", "drop"], **undefined: UndefinedMeans) -> LeaveOutRules:
    """Build the rules for which accounts and posts an output leaves out.

    Args:
        output: A key of `PURPOSES_OF`.
        deletions: Whether deleted posts, and accounts that are gone or inactive, are left out.
        **undefined: What it means that an account says nothing, by purpose.
    """
    return LeaveOutRules(PURPOSES_OF[output], cast("Mapping[Purpose, UndefinedMeans]", undefined), deletions == "drop")


class LeftOut(NamedTuple):
    """The accounts, each with a reason, and the posts that an output must leave out."""

    users: pa.Table  # policy.LEFT_OUT, sorted by user_id
    posts: pa.StringArray  # URIs of deleted posts, distinct and sorted; their authors may be in `users` or not


NOTHING_LEFT_OUT = LeftOut(LEFT_OUT.empty_table(), pa.array([], pa.string()))


def find_left_out(
    posts: pads.Dataset, tables: ConsentTables, rules: LeaveOutRules, *, memory_limit: str, scratch: Path
) -> LeftOut:
    """Find the accounts and deleted posts of a window that an output must leave out.

    Memory beside the limit: some 60 bytes for each account that is left out, and 80 for each post.

    Args:
        posts: Any table with `uri` and `user_id` over the window, in any order. Of a table with `action`, deleted posts
            are looked for among messages. `user_actions` itself has deletions, which count too, as do the accounts that
            are followed or blocked. Without `event_time_us`, any deletion of a URI counts, not only later ones.
        tables: What accounts said and deleted. Without `consents` nobody said anything.
        rules: Whom the output leaves out.
        memory_limit: Memory of the joins, such as "4GB"; beyond it they spill to `scratch`.
        scratch: An existing folder.
    """
    knows_deletions = tables.deleted_posts is not None or "target_user_id" in posts.schema.names
    if tables.consents is None and not _denied(rules) and not (rules.drop_deletions and knows_deletions):
        return NOTHING_LEFT_OUT
    with phase("finding who is left out"), open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        _create_view(connection, "all_rows", posts)
        connection.execute(_accounts_view(posts.schema.names))
        users = _find_users(connection, tables.consents, rules)
        deleted = pa.array([], pa.string())
        if rules.drop_deletions and _create_deletions(connection, tables.deleted_posts, posts.schema.names):
            deleted = _find_deleted(connection, posts.schema.names)
    return LeftOut(users, deleted)


def is_in_sorted(values: pa.Array, among: pa.StringArray) -> pa.BooleanArray:
    """Return which values are in the sorted array `among`: bool `(n,)`.

    Fast if the values of a batch are near each other in the order.

    `pyarrow.compute.is_in` alone would build a hash table of all of `among` for each batch.

    Args:
        values: string, without nulls.
        among: Sorted by UTF-8 bytes.
    """
    if not len(values) or not len(among):
        return pa.repeat(pa.scalar(value=False), len(values))
    ends = pc.min_max(values).as_py()
    start = bisect.bisect_left(among, ends["min"], key=_as_text)
    end = bisect.bisect_right(among, ends["max"], lo=start, key=_as_text)
    return pc.is_in(values, value_set=among.slice(start, end - start))


def leave_out_users(users: pa.Table, left_out: LeftOut) -> pa.Table:
    """Return the rows of `users` whose `user_id` is not left out."""
    return users.filter(pc.invert(pc.is_in(users["user_id"], value_set=left_out.users["user_id"])))


def count_by_reason(left_out: LeftOut, user_ids: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Return how many distinct accounts of `user_ids` are left out, by reason."""
    concerned = left_out.users.filter(pc.is_in(left_out.users["user_id"], value_set=pc.unique(user_ids)))
    return {item["values"]: item["counts"] for item in pc.value_counts(concerned["reason"]).to_pylist()}


def _as_text(scalar: pa.StringScalar) -> str:
    return scalar.as_py()


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, dataset: pads.Dataset) -> None:
    if "vector" not in dataset.schema.names:
        create_dataset_view(connection, name, dataset)
        return
    # DuckDB does not support the type float16 of the vectors.
    fields = [field for field in dataset.schema if field.name != "vector"]
    is_stored = isinstance(dataset, pads.FileSystemDataset)
    names = [field.name for field in fields]
    connection.register(
        name, dataset.replace_schema(pa.schema(fields)) if is_stored else dataset.to_table(columns=names)
    )


def _accounts_view(columns: Sequence[str]) -> str:
    view = "CREATE TEMP VIEW accounts AS SELECT user_id FROM all_rows"
    if "target_user_id" not in columns:
        return view
    return f"{view} {_AND_ACCOUNTS_ACTED_ON}"


def _denied(rules: LeaveOutRules) -> list[Purpose]:
    """Return the purposes for which the lack of a statement keeps an account out."""
    return [purpose for purpose, means in rules.undefined.items() if means == "deny" and purpose in rules.purposes]


def _find_users(connection: duckdb.DuckDBPyConnection, consents: pads.Dataset | None, rules: LeaveOutRules) -> pa.Table:
    said = pa.schema([("user_id", pa.string())]).empty_table()
    left_out = LEFT_OUT.empty_table()
    if consents is not None:
        create_dataset_view(connection, "consents", consents)
        connection.execute(
            "CREATE TEMP TABLE with_statements AS "
            "SELECT DISTINCT user_id FROM accounts SEMI JOIN (SELECT user_id FROM consents) AS made USING (user_id)"
        )
        columns = ["user_id", "no_unauthenticated", "account_status"]
        columns += [f"{purpose}_allow" for purpose in rules.purposes if purpose != "no_unauthenticated"]
        said = connection.sql(
            f"SELECT {', '.join(columns)} FROM consents SEMI JOIN with_statements USING (user_id)"  # noqa: S608 - names of this project
        ).to_arrow_table()
        left_out = find_users_to_leave_out(said, rules.purposes, rules.undefined, with_accounts=rules.drop_deletions)
    if not _denied(rules):
        return left_out
    for purpose in _denied(rules):
        if f"{purpose}_allow" not in said.column_names:
            said = said.append_column(f"{purpose}_allow", pa.nulls(len(said), pa.bool_()))
    of_window = connection.sql("SELECT DISTINCT user_id FROM accounts").to_arrow_table()["user_id"]
    silent = find_users_without_allowance(of_window, said, rules.purposes, rules.undefined)
    silent = silent.filter(pc.invert(pc.is_in(silent["user_id"], value_set=left_out["user_id"])))
    return pa.concat_tables([left_out, silent]).sort_by("user_id").combine_chunks()


def _create_deletions(
    connection: duckdb.DuckDBPyConnection, deleted_posts: pads.Dataset | None, columns: Sequence[str]
) -> bool:
    """Create the view `deleted_posts`, if deletions are known at all, and return whether they are."""
    sources: list[str] = []
    if deleted_posts is not None:
        create_dataset_view(connection, "deletions_of_days", deleted_posts)
        sources.append("SELECT uri, event_time_us FROM deletions_of_days")
    if "target_user_id" in columns:
        sources.append("SELECT uri, event_time_us FROM all_rows WHERE action = 'post_delete'")
    if sources:
        connection.execute(f"CREATE TEMP VIEW deleted_posts AS {' UNION ALL '.join(sources)}")
    return bool(sources)


def _find_deleted(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> pa.StringArray:
    messages = "WHERE action IN ('post', 'reply', 'quote')" if "action" in columns else ""
    connection.execute(f"CREATE TEMP VIEW posts AS SELECT * FROM all_rows {messages}")  # noqa: S608 - a constant
    where = IF_AFTER_THE_POST if "event_time_us" in columns else ""
    found = connection.sql(FIND_DELETED.format(where=where)).to_arrow_table()["uri"]
    return found.combine_chunks()
