"""The checks of the gate: what they say, and what happens when one fails."""

from collections.abc import Iterator, Sequence

import dagster as dg
from upath import UPath

from persona_assets.assets.dataset.gate import GateMeasures
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.errors import ReleaseCheckError
from persona_assets.io_managers.release_folders import withdraw_release

_ADDS_UP = build_accounting_check(
    "dataset", of="line", advice="Lines are neither in a split nor dropped under a reason: report this, it is a defect."
)
_NO_IDS = Check(
    "dataset",
    "no_account_id_is_released",
    "Rows of chat or threads hold ids of accounts: report this, it is a defect.",
    is_error=True,
)
_NOTHING_DELETED = Check(
    "dataset",
    "nothing_deleted_is_released",
    "Released lines hold records that were deleted in the window: materialize cluster_jsonl, then this again.",
    is_error=True,
)
_ALL_ALLOW = Check(
    "dataset",
    "everyone_allows_the_release",
    "Released lines hold accounts that refuse training, synthetic content or bulk data sets, ask not to be shown to "
    "logged-out people, or are gone: report this, it is a defect.",
    is_error=True,
)
_NO_PERSONAL_DATA = Check(
    "dataset",
    "no_personal_data_is_left",
    "Personal data is still found in texts after it was removed: report this, it is a defect.",
    is_error=True,
)
_NO_LEAKS = Check(
    "dataset",
    "splits_share_nothing",
    "Two splits share users, threads or texts, or are not in the order of time (leaks in the metadata): report this, "
    "it is a defect.",
    is_error=True,
)
# The gate: if one fails, nothing is put in place.
GATE_CHECKS = (_ADDS_UP, _NO_IDS, _NOTHING_DELETED, _ALL_ALLOW, _NO_PERSONAL_DATA, _NO_LEAKS)


def evaluate_gate(audit: GateMeasures) -> list[dg.AssetCheckResult]:
    """Return the Dagster results of the checks that a data set must pass before it is stored, in fixed order."""
    return [
        _ADDS_UP.result(passed=not audit.unaccounted, unaccounted=audit.unaccounted),
        _NO_IDS.result(passed=not audit.account_ids, account_ids=audit.account_ids),
        _NOTHING_DELETED.result(passed=not audit.deleted, deleted=audit.deleted),
        _ALL_ALLOW.result(passed=not audit.refusing, accounts=audit.refusing),
        _NO_PERSONAL_DATA.result(
            passed=not audit.personal_data, personal_data=audit.personal_data, sampled=audit.sampled
        ),
        _NO_LEAKS.result(passed=not audit.leaks, leaks="; ".join(audit.leaks) or "none", **audit.count_compared()),
    ]


def refuse_if_failed(results: Sequence[dg.AssetCheckResult], stored: UPath) -> Iterator[dg.AssetCheckResult]:
    """If a check failed, yield all results and raise `ReleaseCheckError`; otherwise yield nothing.

    Results that passed belong to the materialization, which Dagster must know first: the UI shows the results of a day
    only if they are later than its materialization.

    Raises:
        ReleaseCheckError: One failed; an earlier data set of the day was removed.
    """
    failed = [f"{result.check_name}" for result in results if not result.passed]
    if failed:
        yield from results
        withdrawn = withdraw_release(stored)
        raise ReleaseCheckError(
            f"the data set was not put in place, because {', '.join(failed)} failed"
            + ("; the earlier one of that day was removed" if withdrawn else "")
        )
