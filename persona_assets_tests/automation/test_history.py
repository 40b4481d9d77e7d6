"""What the instance knows of days."""

import dagster as dg

from persona_assets.automation.history import DIGEST, find_active, find_parsed


def note(instance, day, metadata):
    made = dg.AssetMaterialization("raw_events", partition=day, metadata=metadata)
    instance.report_runless_asset_event(made)


def test_a_day_was_parsed_from_the_files_of_its_latest_run():
    with dg.DagsterInstance.ephemeral() as instance:
        note(instance, "2025-03-01", {DIGEST: "old"})
        note(instance, "2025-03-01", {DIGEST: "new"})
        note(instance, "2025-03-02", {})

        found = find_parsed(instance, ["2025-03-01", "2025-03-02", "2025-03-03"])

    assert found == {"2025-03-01": "new", "2025-03-02": "not noted"}


def test_days_are_active_while_a_run_waits_or_works():
    def run(instance, day, status, job="process_day"):
        instance.create_run_for_job(
            dg.GraphDefinition(name=job).to_job(), tags={"dagster/partition": day}, status=status
        )

    with dg.DagsterInstance.ephemeral() as instance:
        run(instance, "2025-03-03", dg.DagsterRunStatus.STARTED)
        run(instance, "2025-03-02", dg.DagsterRunStatus.NOT_STARTED)
        run(instance, "2025-03-01", dg.DagsterRunStatus.SUCCESS)
        run(instance, "2025-03-04", dg.DagsterRunStatus.STARTED, job="other")

        assert find_active(instance) == ["2025-03-02", "2025-03-03"]
