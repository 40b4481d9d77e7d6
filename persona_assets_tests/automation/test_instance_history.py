"""Queries to the Dagster instance: parsed, failed and active days."""

import dagster as dg

from persona_assets.automation.instance_history import (
    DIGEST,
    DIGEST_TAG,
    find_active_days,
    find_failed_digests,
    find_last_runs,
    find_parsed_digests,
)


def note(instance, day, metadata):
    made = dg.AssetMaterialization("raw_events", partition=day, metadata=metadata)
    instance.report_runless_asset_event(made)


def test_a_day_was_parsed_from_the_files_of_its_latest_run():
    with dg.DagsterInstance.ephemeral() as instance:
        note(instance, "2025-03-01", {DIGEST: "old"})
        note(instance, "2025-03-01", {DIGEST: "new"})
        note(instance, "2025-03-02", {})

        found = find_parsed_digests(instance, ["2025-03-01", "2025-03-02", "2025-03-03"])

    assert found == {"2025-03-01": "new", "2025-03-02": "not noted"}


def run_job(instance, day, status, job="process_day", tags=()):
    return instance.create_run_for_job(
        dg.GraphDefinition(name=job).to_job(), tags={"dagster/partition": day, **dict(tags)}, status=status
    )


def test_days_whose_last_run_failed_have_the_digest_that_was_requested():
    failure, success = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
    with dg.DagsterInstance.ephemeral() as instance:
        run_job(instance, "2025-03-01", failure, tags={DIGEST_TAG: "a"})
        run_job(instance, "2025-03-02", failure, tags={DIGEST_TAG: "b"})
        run_job(instance, "2025-03-02", success, tags={DIGEST_TAG: "b"})
        run_job(instance, "2025-03-03", dg.DagsterRunStatus.CANCELED)
        run_job(instance, "2025-03-04", failure, job="other")
        days = [f"2025-03-0{number}" for number in range(1, 6)]

        last = find_last_runs(instance, days)

    assert sorted(last) == days[:3]
    assert find_failed_digests(last) == {"2025-03-01": "a", "2025-03-03": "not noted"}


def test_days_are_active_while_a_run_is_queued_or_running():
    with dg.DagsterInstance.ephemeral() as instance:
        run_job(instance, "2025-03-03", dg.DagsterRunStatus.STARTED)
        run_job(instance, "2025-03-02", dg.DagsterRunStatus.NOT_STARTED)
        run_job(instance, "2025-03-01", dg.DagsterRunStatus.SUCCESS)
        run_job(instance, "2025-03-04", dg.DagsterRunStatus.STARTED, job="other")

        assert find_active_days(instance) == ["2025-03-02", "2025-03-03"]
