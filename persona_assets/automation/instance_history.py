"""Query the Dagster instance: which files each day was parsed from, its last run, and which days run now."""

from collections.abc import Iterable, Mapping

import dagster as dg

from persona_assets.automation.jobs import process_day

# Metadata key of `raw_events`: digest of the files that it was parsed from.
DIGEST = "files_digest"
# Run tag of the sensor: digest of the files for which it requested the run. A re-execution has it too.
DIGEST_TAG = "persona_assets/files_digest"
_FAILED = {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def find_parsed_digests(instance: dg.DagsterInstance, days: Iterable[str]) -> dict[str, str]:
    """Return, for each of `days`, the digest of the files it was last parsed from; days never parsed are absent."""
    found: dict[str, str] = {}
    for day in days:
        records_filter = dg.AssetRecordsFilter(dg.AssetKey("raw_events"), asset_partitions=[day])
        for record in instance.fetch_materializations(records_filter, limit=1).records:
            materialization = record.asset_materialization
            digest = materialization.metadata.get(DIGEST) if materialization else None
            found[day] = str(digest.value) if digest else "not noted"
    return found


def find_last_runs(instance: dg.DagsterInstance, days: Iterable[str]) -> dict[str, dg.DagsterRun]:
    """Return, for each of `days`, its latest run of the job `process_day`; days without a run are absent."""
    found: dict[str, dg.DagsterRun] = {}
    for day in days:
        runs_filter = dg.RunsFilter(job_name=process_day.name, tags={"dagster/partition": day})
        for run in instance.get_runs(runs_filter, limit=1):
            found[day] = run
    return found


def find_failed_digests(last_runs: Mapping[str, dg.DagsterRun]) -> dict[str, str]:
    """Return the file digest for which the run was requested, for each day whose last run failed or was cancelled."""
    return {day: run.tags.get(DIGEST_TAG, "not noted") for day, run in last_runs.items() if run.status in _FAILED}


def find_active_days(instance: dg.DagsterInstance) -> list[str]:
    """Return the days (partition keys) of `process_day` runs that are queued, starting or running."""
    runs = instance.get_runs(dg.RunsFilter(job_name=process_day.name, statuses=_ACTIVE))
    return sorted(run.tags.get("dagster/partition", "a day") for run in runs)
