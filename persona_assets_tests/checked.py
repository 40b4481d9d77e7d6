"""What the checks of a run, or of an asset called by itself, have said."""


def find_failed(checks):
    """Return the checks that failed, and how bad that is.

    Args:
        checks: `result.get_asset_check_evaluations()` of a run, or the `check_results` of an asset.
    """
    return {check.check_name: check.severity for check in checks if not check.passed}
