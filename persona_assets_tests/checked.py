"""Collect the failed checks of a run, or of an asset function that is called directly."""


def find_failed(checks):
    """Return the severity of each failed check by its name.

    Args:
        checks: `result.get_asset_check_evaluations()` of a run, or the `check_results` of an asset.
    """
    return {check.check_name: check.severity for check in checks if not check.passed}
