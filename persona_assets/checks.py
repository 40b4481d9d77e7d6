"""Asset checks: each named once, declared before a run and answered in it."""

from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetCheckSeverity


class Check(NamedTuple):
    """A check of one asset, answered by the step that makes it.

    An error stops the run before the assets that follow; a warning only shows.
    """

    asset: str
    name: str  # what is so when it passes
    advice: str  # what to look at when it is not
    is_error: bool = False

    def spec(self) -> dg.AssetCheckSpec:
        """Return the check as Dagster declares it."""
        about = f"When it fails: {self.advice}"
        return dg.AssetCheckSpec(self.name, asset=self.asset, description=about, blocking=self.is_error)

    def answer(self, *, passed: bool, **numbers: Any) -> dg.AssetCheckResult:
        """Return the outcome, with the numbers that it rests on."""
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey(self.asset),
            check_name=self.name,
            passed=passed,
            severity=AssetCheckSeverity.ERROR if self.is_error else AssetCheckSeverity.WARN,
            description=None if passed else self.advice,
            metadata=numbers,
        )


def adds_up(asset: str, *, of: str, advice: str) -> Check:
    """Return the check that what was read is what was kept and what was dropped; if it is not, that is a defect."""
    return Check(asset, f"every_{of}_is_accounted_for", advice, is_error=True)


def window_is_complete(asset: str) -> Check:
    """Return the check that every day of the window was there."""
    return Check(
        asset,
        "the_window_is_complete",
        "Days of the window have not been materialized (missing_days in the metadata): prepare them, then materialize "
        "this partition again.",
    )
