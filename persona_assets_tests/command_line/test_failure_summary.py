"""At exit a command prints the errors of failed steps; errors of the package have no traceback on the console."""

import io
import logging
import sys

import dagster as dg
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info

from persona_assets.command_line.failure_summary import BriefLogger, FailureSummary, find_package_error_message
from persona_assets.errors import CaptureFilesError, PersonaAssetsError, TooFewUsersError


def info_of(raise_it):
    """Return the raised error as Dagster serialises it."""
    try:
        raise_it()
    except Exception:  # noqa: BLE001 - any error
        return serializable_error_info_from_exc_info(sys.exc_info())
    raise AssertionError("nothing was raised")


def fail(error):
    raise error


def fail_because(cause):
    try:
        fail(cause)
    except Exception as error:
        raise RuntimeError("of Dagster") from error


@pytest.mark.parametrize("error", [CaptureFilesError, TooFewUsersError])
def test_an_error_of_the_package_is_found_among_causes(error):
    assert (
        find_package_error_message(info_of(lambda: fail(error("3 users: ask for fewer")))) == "3 users: ask for fewer"
    )
    assert (
        find_package_error_message(info_of(lambda: fail_because(error("3 users: ask for fewer"))))
        == "3 users: ask for fewer"
    )


def test_other_errors_have_no_own_message():
    assert find_package_error_message(info_of(lambda: fail_because(ValueError("x")))) is None
    assert find_package_error_message(None) is None


def test_each_distinct_error_is_printed_once_at_exit():
    said, to = [], io.StringIO()
    summary = FailureSummary(at_exit=said.append, to=to)

    for text in ("no file", "no room", "no file"):
        summary.add_if_package_error(info_of(lambda text=text: fail(CaptureFilesError(text))))
    summary.add_if_package_error(info_of(lambda: fail(ValueError("x"))))
    assert to.getvalue() == ""
    (at_exit,) = said
    at_exit()

    assert to.getvalue().splitlines() == ["", "no file", "", "no room"]


def run_that_raises(error, instance):
    @dg.asset
    def made() -> None:
        raise error

    return dg.materialize([made], instance=instance, raise_on_error=False)


@pytest.fixture
def brief():
    before = logging.getLoggerClass()
    logging.setLoggerClass(BriefLogger)
    yield
    logging.setLoggerClass(before)


@pytest.mark.usefixtures("brief")
def test_the_console_has_no_traceback_of_an_error_of_the_package(capfd):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_that_raises(PersonaAssetsError("no file: look for it"), instance)

    shown = capfd.readouterr().err
    assert 'Execution of step "made" failed.' in shown
    assert "Steps failed: ['made']." in shown
    assert "Stack Trace" not in shown
    (kept,) = [event for event in result.all_events if event.is_step_failure]
    assert "Stack Trace" in kept.step_failure_data.error.to_string()


@pytest.mark.usefixtures("brief")
def test_the_console_has_the_traceback_of_other_errors(capfd):
    with dg.DagsterInstance.ephemeral() as instance:
        run_that_raises(ZeroDivisionError("defect"), instance)

    assert capfd.readouterr().err.count("ZeroDivisionError: defect") >= 1
