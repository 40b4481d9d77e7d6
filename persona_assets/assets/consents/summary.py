"""Count what accounts allow, for the metadata of `consents`. No id of an account is in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.consent.policy import find_users_to_leave_out
from persona_assets.consent.purposes import PURPOSES, Condition, Purpose, UndefinedMeans

# The columns of `CONSENTS` that policy and counts need: a fraction of its bytes.
POLICY_COLUMNS = (
    "user_id",
    *(f"{purpose}_allow" for purpose in PURPOSES),
    "no_unauthenticated",
    "bot",
    "account_status",
)
NO_STATUS = "no account event"


class PurposeCounts(NamedTuple):
    """The number of accounts that allow a purpose, that refuse it, and that say nothing about it."""

    purpose: Purpose
    allow: int
    refuse: int
    undefined: int


def count_purposes(consents: pa.Table) -> list[PurposeCounts]:
    """Return, for each purpose, how many accounts allow it, refuse it, or say nothing about it."""
    counted: list[PurposeCounts] = []
    for purpose in PURPOSES:
        counts = pc.value_counts(consents[f"{purpose}_allow"]).to_pylist()
        said = Counter({row["values"]: row["counts"] for row in counts})
        counted.append(PurposeCounts(purpose, said[True], said[False], said[None]))
    return counted


def count_statuses(consents: pa.Table) -> Counter[str]:
    """Return the number of accounts by status, such as "deleted", and by self-label."""
    statuses = pc.value_counts(consents["account_status"]).to_pylist()
    counts = Counter({row["values"] or NO_STATUS: row["counts"] for row in statuses})
    for label in ("no_unauthenticated", "bot"):
        counts[f"self-label {label}"] = pc.sum(consents[label]).as_py() or 0
    return +counts


def count_left_out(
    consents: pa.Table, purposes: Sequence[Condition], undefined: Mapping[Purpose, UndefinedMeans]
) -> Counter[str]:
    """Return how many accounts an output with these purposes must leave out, by reason."""
    return Counter(find_users_to_leave_out(consents, purposes, undefined)["reason"].to_pylist())
