"""What the Dagster instance knows of days: which files they were parsed from, and what runs now."""

from collections.abc import Iterable, Mapping

import dagster as dg

from persona_assets.automation.jobs import process_day

# Where `raw_events` notes what it was parsed from.
DIGEST = "files_digest"
# Where the sensor notes, in a run, which files it has asked for; a run that is re-executed has it too.
DIGEST_TAG = "persona_assets/files_digest"
_FAILED = {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def find_parsed(instance: dg.DagsterInstance, days: Iterable[str]) -> dict[str, str]:
    """Return, for those of `days` that were parsed, the digest of the files that they were last parsed from."""
    found: dict[str, str] = {}
    for day in days:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("raw_events"), asset_partitions=[day])
        for record in instance.fetch_materializations(wanted, limit=1).records:
            made = record.asset_materialization
            note = made.metadata.get(DIGEST) if made else None
            found[day] = str(note.value) if note else "not noted"
    return found


def find_last_runs(instance: dg.DagsterInstance, days: Iterable[str]) -> dict[str, dg.DagsterRun]:
    """Return, for those of `days` that have any, the latest run of `process_day`, re-executions among them."""
    found: dict[str, dg.DagsterRun] = {}
    for day in days:
        wanted = dg.RunsFilter(job_name=process_day.name, tags={"dagster/partition": day})
        for run in instance.get_runs(wanted, limit=1):
            found[day] = run
    return found


def find_failed(last_runs: Mapping[str, dg.DagsterRun]) -> dict[str, str]:
    """Return, for those days whose last run has failed or was cancelled, the digest of the files it was asked for."""
    return {day: run.tags.get(DIGEST_TAG, "not noted") for day, run in last_runs.items() if run.status in _FAILED}


def find_active(instance: dg.DagsterInstance) -> list[str]:
    """Return the days that runs of `process_day` are working on, or waiting for."""
    runs = instance.get_runs(dg.RunsFilter(job_name=process_day.name, statuses=_ACTIVE))
    return sorted(run.tags.get("dagster/partition", "a day") for run in runs)
