"""Measure and reach k-anonymity of a table with one row per user.

Source: L. Sweeney, "k-anonymity: a model for protecting privacy", 2002; A. Machanavajjhala et al., "l-diversity:
privacy beyond k-anonymity", 2007 (distinct l-diversity).
"""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc


class KAnonymity(NamedTuple):
    """Result of `measure_k_anonymity`: size of the smallest group, number of groups, users alone in a group.

    Attributes:
        k: Size of the smallest group of users with equal quasi-identifiers: 0 for a table without rows.
        groups: Number of groups.
        alone: Number of users in groups of one.
        distinct_sensitive: Smallest number of different values of the sensitive column in a group (l of distinct
            l-diversity): None if no column was given, 0 for a table without rows.
    """

    k: int
    groups: int
    alone: int
    distinct_sensitive: int | None


def measure_k_anonymity(
    users: pa.Table, quasi_identifiers: Sequence[str], *, sensitive: str | None = None
) -> KAnonymity:
    """Measure k-anonymity: group users by equal values of `quasi_identifiers`, null included; k is the smallest size.

    Args:
        users: Any columns, in any order.
        quasi_identifiers: The columns that others may know of a user, such as persona, language and activity band.
        sensitive: A column whose value nobody should learn of a user.

    Raises:
        ValueError: No quasi-identifier is given.
    """
    if not quasi_identifiers:
        raise ValueError("k-anonymity needs at least one column that others may know.")
    columns = list(quasi_identifiers)
    sizes = (
        users.select(columns).append_column("n", pa.repeat(1, len(users))).group_by(columns).aggregate([("n", "sum")])
    )
    counts = sizes["n_sum"]
    least = pc.min(counts).as_py() or 0
    distinct = None
    if sensitive is not None:
        marked = pa.table([*[users[name] for name in columns], users[sensitive]], names=[*columns, "__sensitive"])
        values = marked.group_by(columns).aggregate([("__sensitive", "count_distinct", pc.CountOptions(mode="all"))])
        distinct = pc.min(values["__sensitive_count_distinct"]).as_py() or 0
    return KAnonymity(least, len(sizes), pc.sum(pc.equal(counts, 1)).as_py() or 0, distinct)


def drop_small_groups(users: pa.Table, quasi_identifiers: Sequence[str], *, k: int) -> tuple[pa.Table, int]:
    """Return the rows whose group has at least `k` users, in their order, and the number of rows dropped.

    Raises:
        ValueError: No quasi-identifier is given, or `k` is less than 1.
    """
    if not quasi_identifiers or k < 1:
        raise ValueError("k-anonymity needs at least one column and a k of at least 1.")
    groups = pa.array(_number_groups(users, quasi_identifiers), pa.int64())
    sizes = pc.value_counts(groups)
    large = pc.filter(sizes.field("values"), pc.greater_equal(sizes.field("counts"), k))
    kept = users.filter(pc.is_in(groups, value_set=large))
    return kept, len(users) - len(kept)


def _number_groups(users: pa.Table, columns: Sequence[str]) -> list[int]:
    numbers: dict[tuple[object, ...], int] = {}
    rows = zip(*[users[name].to_pylist() for name in columns], strict=True)
    return [numbers.setdefault(row, len(numbers)) for row in rows]
