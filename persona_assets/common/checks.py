"""Asset checks: each named once, declared before a run and answered in it."""

import logging
import warnings
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetCheckSeverity

# In a step, Dagster says it as the step's own.
_LOG = dg.get_dagster_logger("checks")
# Of one number as it is logged: lists of days or hours may be long, and all of it is in the check's metadata.
_MOST_SHOWN = 200


class Check(NamedTuple):
    """A check of one asset, answered by the step that makes it.

    An error stops the run before the assets that follow; a warning only shows.
    """

    asset: str
    name: str  # what is so when it passes
    advice: str  # what to look at when it is not
    is_error: bool = False

    def spec(self, days: dg.DailyPartitionsDefinition | None = None) -> dg.AssetCheckSpec:
        """Return the check as Dagster declares it.

        Args:
            days: The asset's partitions: each has an outcome of its own, which those of later days do not hide.
        """
        about = f"When it fails: {self.advice}"
        with warnings.catch_warnings():
            # A preview in 1.13, to which Dagster is pinned: each check would say so at each command.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.AssetCheckSpec(
                self.name, asset=self.asset, description=about, blocking=self.is_error, partitions_def=days
            )

    def answer(self, *, passed: bool, **numbers: Any) -> dg.AssetCheckResult:
        """Return the outcome, with the numbers that it rests on; one that fails is also logged.

        Dagster shows checks in its UI alone: of a failed one, a console, Slurm's log or cron's mail has only that line.
        """
        if not passed:
            level = logging.ERROR if self.is_error else logging.WARNING
            shown = ", ".join(f"{name} {_show(number)}" for name, number in numbers.items())
            _LOG.log(level, "check %s of %s failed (%s): %s", self.name, self.asset, shown or "no numbers", self.advice)
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey(self.asset),
            check_name=self.name,
            passed=passed,
            severity=AssetCheckSeverity.ERROR if self.is_error else AssetCheckSeverity.WARN,
            description=None if passed else self.advice,
            metadata=numbers,
        )


def _show(number: Any) -> str:
    shown = str(number.value if isinstance(number, dg.MetadataValue) else number)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]} ..."


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
