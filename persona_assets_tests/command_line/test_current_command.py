"""Commands that run assets are recognised by their options, and their days are validated."""

import click
import dagster as dg
import pytest

from persona_assets.command_line.current_command import (
    LaunchOptions,
    find_launch_options,
    is_code_server,
    read_settings_for_command,
    validate_days,
)
from persona_assets.settings import read_settings

DAYS = dg.DailyPartitionsDefinition("2025-03-01", end_date="2025-03-04", timezone="UTC")


@dg.asset(partitions_def=DAYS)
def daily() -> None: ...


@dg.asset(deps=[daily])
def over_all_days() -> None: ...


JOBS = {"each_day": dg.AssetSelection.assets(daily), "all_days": dg.AssetSelection.assets(over_all_days)}


def find_in(command, *arguments):
    """Return the launch options that are found while a command with these arguments runs."""
    found = []
    command.callback = lambda **_: found.append(find_launch_options())
    command.main(list(arguments), standalone_mode=False)
    return found[0]


def command_with(*options):
    return click.Command("command", params=[click.Option([f"--{option}"]) for option in options])


def test_dg_launch_and_dagster_asset_materialize_are_recognised_by_their_options():
    launch = command_with("assets", "job", "partition", "partition-range")
    materialize = command_with("select", "partition", "partition-range")

    assert find_in(launch, "--assets", "a,b", "--partition", "2025-03-01") == LaunchOptions("a,b", "2025-03-01", None)
    assert find_in(launch, "--job", "j", "--partition", "2025-03-01") == LaunchOptions(None, "2025-03-01", None, "j")
    assert find_in(materialize, "--select", "*", "--partition-range", "A...B") == LaunchOptions("*", None, "A...B")


def test_other_commands_and_none_at_all_run_no_assets():
    assert find_in(command_with("select"), "--select", "a") is None
    assert find_launch_options() is None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["dagster", "api", "grpc", "--lazy-load-user-code"], True),
        (["dagster", "code-server", "start", "-m", "a"], True),
        (["dagster", "api", "execute_run", "grpc"], False),
        (["dg", "launch", "--assets", "raw_events"], False),
        (["python"], False),
    ],
)
def test_a_code_server_is_recognised_by_its_command(command, expected):
    assert is_code_server(command) is expected


def test_an_invalid_setting_is_a_usage_error():
    with pytest.raises(click.UsageError, match="PERSONA_N_CLUSTER is not a setting; did you mean PERSONA_N_CLUSTERS"):
        read_settings_for_command(lambda: read_settings({"PERSONA_N_CLUSTER": "8"}))

    assert read_settings_for_command(lambda: read_settings({"PERSONA_N_CLUSTERS": "8"})).n_clusters == "8"


@pytest.mark.parametrize("selection", ["daily", "over_all_days,daily", "*", "+over_all_days"])
def test_daily_assets_need_a_day_and_the_option_is_named(selection):
    with pytest.raises(click.UsageError, match="daily: .*--partition 2025-03-03.*--partition-range 2025-03-01...2025-"):
        validate_days(LaunchOptions(selection, None, None), [daily, over_all_days], DAYS, JOBS)


def test_jobs_of_daily_assets_need_a_day():
    with pytest.raises(click.UsageError, match="daily: .*--partition 2025-03-03"):
        validate_days(LaunchOptions(None, None, None, "each_day"), [daily, over_all_days], DAYS, JOBS)


@pytest.mark.parametrize(
    "launch",
    [
        LaunchOptions("over_all_days", None, None),
        LaunchOptions("daily", "2025-03-03", None),
        LaunchOptions("daily", None, "2025-03-01...2025-03-03"),
        LaunchOptions("daily", None, "2025-03-02...2025-03-02"),
        LaunchOptions(None, None, None, "all_days"),
        LaunchOptions(None, None, None, "unknown"),  # Dagster reports this one
        LaunchOptions(None, None, "2025-03-01...2025-03-03", "unknown"),
        LaunchOptions("over_all_days,daily", None, "2025-03-01...2025-03-03"),
    ],
)
def test_existing_and_unnecessary_days_are_accepted(launch):
    validate_days(launch, [daily, over_all_days], DAYS, JOBS)


@pytest.mark.parametrize(
    ("launch", "error"),
    [
        (LaunchOptions("daily", "2025-03-04", None), "2025-03-04: no day of the graph, .* 2025-03-01 to 2025-03-03"),
        (LaunchOptions("daily", "1 March", None), "1 March: no day"),
        (LaunchOptions(None, "2025-02-28", None), "2025-02-28: no day"),
        (LaunchOptions("daily", None, "2025-02-28...2025-03-09"), "2025-02-28, 2025-03-09: no day"),
        (LaunchOptions("daily", None, "2025-03-03...2025-03-01"), "the first day is later than the last"),
        (LaunchOptions("daily", None, "2025-03-01"), "write FIRST...LAST"),
    ],
)
def test_days_that_do_not_exist_are_refused_and_existing_ones_are_named(launch, error):
    with pytest.raises(click.UsageError, match=error):
        validate_days(launch, [daily, over_all_days], DAYS, JOBS)


@pytest.mark.parametrize(
    ("launch", "option"),
    [
        (LaunchOptions("over_all_days", None, "2025-03-01...2025-03-03"), "--partition-range"),
        (LaunchOptions("over_all_days", "2025-03-01", None), "--partition"),
        (LaunchOptions(None, None, "2025-03-01...2025-03-03", "all_days"), "--partition-range"),
    ],
)
def test_days_are_refused_if_no_selected_asset_is_daily(launch, option):
    with pytest.raises(click.UsageError, match=f"over_all_days: .* Leave {option} out"):
        validate_days(launch, [daily, over_all_days], DAYS, JOBS)
