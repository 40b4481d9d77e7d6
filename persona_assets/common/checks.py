"""Asset checks that a step evaluates itself: declared with the asset, and reported with its materialization."""

import logging
import warnings
from typing import Any, NamedTuple

import dagster as dg
from dagster import AssetCheckSeverity

# Inside a step, Dagster attributes these messages to the step.
_LOG = dg.get_dagster_logger("checks")
# Longer values are cut in the log, such as lists of days. The metadata of the check has all of it.
_MAX_LOGGED_CHARACTERS = 200


class Check(NamedTuple):
    """Declaration of an asset check that the step of the asset evaluates: name, advice on failure, severity.

    With `is_error`, a failure stops the run before the downstream assets. Otherwise it is a warning.
    """

    asset: str
    name: str  # a statement that is true when the check passes
    advice: str  # what to look at when the check fails
    is_error: bool = False

    def spec(self, days: dg.DailyPartitionsDefinition | None = None) -> dg.AssetCheckSpec:
        """Return the `AssetCheckSpec` to declare the check; `days` are the partitions of the asset, if it has any.

        Args:
            days: Partitions of the asset. Each day then has an outcome of its own, which later days do not replace.
        """
        description = f"When it fails: {self.advice}"
        with warnings.catch_warnings():
            # Partitioned checks are a preview in Dagster 1.13, which is pinned: each check would print a warning.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.AssetCheckSpec(
                self.name, asset=self.asset, description=description, blocking=self.is_error, partitions_def=days
            )

    def result(self, *, passed: bool, **numbers: Any) -> dg.AssetCheckResult:
        """Return the `AssetCheckResult` with `numbers` as metadata; if it has not passed, also log a warning.

        Dagster shows check results only in its UI. The log line is what a console, a Slurm log or cron's mail shows.
        """
        if not passed:
            level = logging.ERROR if self.is_error else logging.WARNING
            shown = ", ".join(f"{name} {_shorten(number)}" for name, number in numbers.items())
            _LOG.log(level, "check %s of %s failed (%s): %s", self.name, self.asset, shown or "no numbers", self.advice)
        return dg.AssetCheckResult(
            asset_key=dg.AssetKey(self.asset),
            check_name=self.name,
            passed=passed,
            severity=AssetCheckSeverity.ERROR if self.is_error else AssetCheckSeverity.WARN,
            description=None if passed else self.advice,
            metadata=numbers,
        )


def _shorten(number: Any) -> str:
    shown = str(number.value if isinstance(number, dg.MetadataValue) else number)
    return shown if len(shown) <= _MAX_LOGGED_CHARACTERS else f"{shown[:_MAX_LOGGED_CHARACTERS]} ..."


def build_accounting_check(asset: str, *, of: str, advice: str) -> Check:
    """Build the check `every_<of>_is_accounted_for`: number read = number kept + number dropped.

    A failure is a defect of the program, and stops the run.
    """
    return Check(asset, f"every_{of}_is_accounted_for", advice, is_error=True)


def build_complete_window_check(asset: str) -> Check:
    """Build the check `the_window_is_complete`: every day of the window has been materialized."""
    return Check(
        asset,
        "the_window_is_complete",
        "Days of the window have not been materialized (missing_days in the metadata): prepare them, then materialize "
        "this partition again.",
    )
