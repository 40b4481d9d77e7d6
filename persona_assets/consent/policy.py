"""Find the accounts that an output must leave out: those that refuse a purpose, and those that are gone."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.consent.purposes import Condition, Purpose, UndefinedMeans

# The result of the functions of this module: one row per account that is left out, sorted by `user_id`.
LEFT_OUT = pa.schema(
    [pa.field("user_id", pa.string(), nullable=False), pa.field("reason", pa.string(), nullable=False)]
)

# Account statuses that keep an account out, with the reason. The first two are for good, as far as we know; the others
# last until an event says "active". A server may call an account inactive without saying why, or say what we do not
# know (`other`): that counts as out. `desynchronized` and `throttled` are troubles of servers, and keep nobody out.
GONE_STATUSES: Mapping[str, str] = {"deleted": "account deleted", "takendown": "account taken down"}
PAUSED_STATUSES: Mapping[str, str] = {
    "deactivated": "account deactivated",
    "suspended": "account suspended",
    "inactive": "account inactive",
    "other": "account inactive",
}
HIDDEN_REASON = "hidden from logged-out people"


def find_users_to_leave_out(
    consents: pa.Table,
    purposes: Sequence[Condition],
    undefined: Mapping[Purpose, UndefinedMeans],
    *,
    with_accounts: bool = True,
) -> pa.Table:
    """Return the accounts that an output must leave out, as they refuse a purpose or are gone, with one reason each.

    Args:
        consents: `CONSENTS`.
        purposes: What the output needs, as in `PURPOSES_OF`.
        undefined: What it means that an account says nothing about a purpose; a purpose that is absent is allowed.
            With "deny", accounts of `consents` that say nothing are in the result. Accounts that have no row there
            cannot be: `find_users_without_allowance` finds them among given ids.
        with_accounts: Whether accounts that are deleted, taken down, deactivated or otherwise inactive are included.

    Returns:
        `LEFT_OUT`. Of several reasons the first of these is given: a refusal, in the order of `purposes`; the status of
        the account; the lack of a statement.
    """
    rules = [(_is_refused(consents, purpose), _refusal_reason(purpose)) for purpose in purposes]
    if with_accounts:
        rules += [
            (pc.equal(consents["account_status"], status), reason)
            for status, reason in {**GONE_STATUSES, **PAUSED_STATUSES}.items()
        ]
    rules += [
        (pc.is_null(consents[f"{purpose}_allow"]), _undefined_reason(purpose))
        for purpose in purposes
        if purpose != "no_unauthenticated" and undefined.get(purpose, "allow") == "deny"
    ]
    return _first_reasons(consents["user_id"], rules)


def find_users_without_allowance(
    user_ids: pa.Array | pa.ChunkedArray,
    consents: pa.Table,
    purposes: Sequence[Condition],
    undefined: Mapping[Purpose, UndefinedMeans],
) -> pa.Table:
    """Return the given accounts that say nothing about a purpose for which silence means "deny".

    Args:
        user_ids: string; an id may be in it several times.
        consents: `CONSENTS`. An account without a row there has said nothing.
        purposes: What the output needs, as in `PURPOSES_OF`.
        undefined: As for `find_users_to_leave_out`. If no purpose is denied, the result is empty.

    Returns:
        `LEFT_OUT`: the distinct ids, each with the first purpose of `purposes` that it lacks. Accounts that refuse a
        purpose are not in it for that purpose.
    """
    distinct = pc.unique(user_ids)
    rules = []
    for purpose in purposes:
        if purpose == "no_unauthenticated" or undefined.get(purpose, "allow") == "allow":
            continue
        has_said = consents.filter(pc.is_valid(consents[f"{purpose}_allow"]))["user_id"]
        rules.append((pc.invert(pc.is_in(distinct, value_set=has_said)), _undefined_reason(purpose)))
    return _first_reasons(distinct, rules)


def _refusal_reason(purpose: Condition) -> str:
    return HIDDEN_REASON if purpose == "no_unauthenticated" else f"refuses {purpose}"


def _undefined_reason(purpose: Purpose) -> str:
    return f"does not say that it allows {purpose}"


def _is_refused(consents: pa.Table, purpose: Condition) -> pa.ChunkedArray:
    if purpose == "no_unauthenticated":
        return consents["no_unauthenticated"]
    return pc.equal(consents[f"{purpose}_allow"], pa.scalar(value=False))


def _first_reasons(
    user_ids: pa.Array | pa.ChunkedArray, rules: Sequence[tuple[pa.Array | pa.ChunkedArray, str]]
) -> pa.Table:
    """Return `LEFT_OUT`: the ids for which a rule holds (null: it does not), with the reason of the first such rule."""
    if not rules:
        return LEFT_OUT.empty_table()
    reasons = pc.coalesce(*(pc.if_else(holds, reason, pa.scalar(None, pa.string())) for holds, reason in rules))
    found = pa.table([user_ids, reasons], names=LEFT_OUT.names)
    return found.filter(pc.is_valid(found["reason"])).sort_by("user_id").cast(LEFT_OUT)
