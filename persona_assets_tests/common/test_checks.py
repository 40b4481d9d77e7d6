"""Asset checks in Dagster. The tests of each asset have a failing case for each of its checks."""

import datetime as dt

import dagster as dg
import pytest

from persona_assets.common.checks import Check, build_accounting_check, build_complete_window_check
from persona_assets.definitions import defs
from persona_assets.partitions import daily_partitions


def run(check, *, passed):
    @dg.asset(name="made", check_specs=[check.spec()])
    def made():
        return dg.MaterializeResult(check_results=[check.result(passed=passed, rows=1)])

    @dg.asset(deps=[made])
    def follows():
        return None

    result = dg.materialize([made, follows], raise_on_error=False)
    (answer,) = result.get_asset_check_evaluations()
    return answer, {event.step_key for event in result.all_events if event.is_step_success}


@pytest.mark.parametrize(("is_error", "ran"), [(True, set()), (False, {"made", "follows"})])
def test_a_failed_error_check_skips_downstream_assets_and_a_warning_does_not(is_error, ran):
    answer, succeeded = run(Check("made", "is_well", "look here", is_error=is_error), passed=False)

    assert succeeded == ran
    assert answer.description == "look here"
    assert answer.metadata["rows"].value == 1


DAYS = daily_partitions(dt.date(2025, 3, 1), dt.date(2025, 3, 3))


def run_days(instance, *, is_error):
    """Materialize three days, of which the second fails its check; return the check and the downstream days."""
    check = Check("made", "is_well", "look here", is_error=is_error)

    @dg.asset(name="made", partitions_def=DAYS, check_specs=[check.spec(DAYS)])
    def made(context):
        return dg.MaterializeResult(check_results=[check.result(passed=context.partition_key != "2025-03-02")])

    @dg.asset(deps=[made], partitions_def=DAYS)
    def follows():
        return None

    for day in DAYS.get_partition_keys():
        dg.materialize([made, follows], partition_key=day, instance=instance, raise_on_error=False)
    return dg.AssetCheckKey(made.key, check.name), instance.get_materialized_partitions(follows.key)


@pytest.mark.parametrize(
    ("is_error", "after"),
    [(True, {"2025-03-01", "2025-03-03"}), (False, {"2025-03-01", "2025-03-02", "2025-03-03"})],
)
def test_a_failed_check_of_one_day_stays_visible_and_stops_only_that_day(tmp_path, is_error, after):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        check, followed = run_days(instance, is_error=is_error)
        state = instance.event_log_storage.get_asset_check_state([(check, DAYS)])[check]

    outcomes = {
        status.value: set(days.subset_value.get_partition_keys())
        for status, days in state.subsets.items()
        if not days.is_empty
    }
    assert outcomes == {"SUCCEEDED": {"2025-03-01", "2025-03-03"}, "FAILED": {"2025-03-02"}}
    assert followed == after


def test_checks_of_daily_assets_are_partitioned_and_those_of_lineage_are_not():
    graph = defs.resolve_asset_graph()

    found = [
        (check, graph.get(check.asset_key).partitions_def, graph.get(check).partitions_def)
        for check in graph.asset_check_keys
    ]
    assert [check for check, of_asset, own in found if own != of_asset] == []
    assert len({of_asset for _, of_asset, _ in found}) == 2
    assert graph.get(dg.AssetKey("lineage")).partitions_def is None


def test_partitioned_checks_print_no_preview_warning(recwarn):
    Check("made", "is_well", "look here").spec(DAYS)

    assert not recwarn.list


def test_a_passed_check_has_no_advice():
    answer, succeeded = run(build_accounting_check("made", of="line", advice="look here"), passed=True)

    assert (answer.check_name, answer.description) == ("every_line_is_accounted_for", None)
    assert succeeded == {"made", "follows"}


@pytest.mark.parametrize(("is_error", "level"), [(True, "ERROR"), (False, "WARNING")])
def test_a_failed_check_is_logged_by_the_step_with_its_advice_and_numbers(is_error, level, capfd):
    run(Check("made", "is_well", "look here", is_error=is_error), passed=False)

    (line,) = [line for line in capfd.readouterr().err.splitlines() if "look here" in line and f" - {level} - " in line]
    assert line.endswith(" - made - check is_well of made failed (rows 1): look here")


def test_a_passed_check_is_not_logged(capfd):
    run(Check("made", "is_well", "look here"), passed=True)

    assert "check is_well of made failed" not in capfd.readouterr().err


def test_a_failed_check_is_logged_outside_a_run(caplog):
    days = ", ".join(f"2025-03-{day:02}" for day in range(1, 31))

    Check("made", "is_well", "look here").result(
        passed=False, share=0.25, days=days, table=dg.MetadataValue.float(1.5), none=None
    )

    (record,) = caplog.records
    assert record.getMessage() == (
        f"check is_well of made failed (share 0.25, days {days[:200]} ..., table 1.5, none None): look here"
    )


def test_a_missing_day_of_the_window_only_warns():
    assert not build_complete_window_check("made").spec().blocking


def test_every_asset_has_a_check():
    checked = {check.asset_key for check in defs.resolve_asset_graph().asset_check_keys}

    assert defs.resolve_asset_graph().materializable_asset_keys - checked == {dg.AssetKey("rejected_lines")}
