"""The asset `user_assignments`."""

import datetime as dt
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.user_assignments.drift import Drift, measure_drift
from persona_assets.assets.user_assignments.nearest_personas import (
    AssignedUsers,
    EarlierClusters,
    assign_users,
    load_earlier_clusters,
)
from persona_assets.assets.user_assignments.stored_tables import USER_ASSIGNMENTS
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import (
    build_count_table,
    measuring_time_and_memory,
    provenance_table,
    window_and_missing_days_metadata,
)
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import LeftOut, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.errors import MissingPartitionError, SettingsError
from persona_assets.io_managers.consent_tables import open_consent_tables
from persona_assets.io_managers.stored_days import list_stored_days, open_day, open_table_of_all_days
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.post_vectors.repeated_uris import find_repeated_uris
from persona_assets.post_vectors.user_vectors import require_memory_for_users
from persona_assets.settings import from_setting, read_settings

# Maximum number of clusters in the UI's table `personas`, the largest ones.
MAX_ROWS_SHOWN = 100
_COLUMNS = {
    "cluster": "int",
    "persona": "int",
    "users": "int",
    "share": "float",
    "share_in_fit": "float",
    "psi": "float",
    "outliers": "float",
    "similarity": "float",
    "in_fit": "float",
}

_ADDS_UP = build_accounting_check(
    "user_assignments",
    of="user",
    advice="A user has no row without being counted as dropped, or has two: report this, it is a defect.",
)
_FEW_OUTLIERS = Check(
    "user_assignments",
    "few_users_are_outliers",
    "More users than expected are unlike all personas of the assigned day: people write about something new. Make a "
    "new fit (job make_personas for this day), and assign to it.",
)
_SIMILAR = Check(
    "user_assignments",
    "users_are_as_similar_as_in_the_fit",
    "Users are on average farther from their persona's centre than those from whom it was made: its subjects have "
    "moved. Make a new fit (job make_personas for this day), and assign to it.",
)
_SAME_SHARES = Check(
    "user_assignments",
    "personas_have_the_shares_of_the_fit",
    "Personas have other shares of the users than in the fit (psi in the metadata, by persona): the population has "
    "shifted. Compare the captures of both windows; if they are complete, make a new fit (job make_personas).",
)


_ASSIGNABLE = Check(
    "user_assignments",
    "an_earlier_day_has_clusters",
    "No day before this one has clusters, so that nobody was assigned: make clusters of an earlier day (job "
    "make_personas), or set PERSONA_ASSIGN_TO, and materialize this again.",
)
_OF_DRIFT = (_FEW_OUTLIERS, _SIMILAR, _SAME_SHARES)
# Why users of the first days are dropped.
_NO_EARLIER_DAY = "no earlier day has clusters"


class UserAssignmentsConfig(SettingsConfig):
    """Run config of `user_assignments`: day of the personas, who is left out, and memory limit."""

    assign_to: str | None = from_setting("assign_to")
    deletions: Deletions = from_setting("deletions")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    memory_limit: str = from_setting("memory_limit")


def build_user_assignments(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `user_assignments`: the nearest persona of an earlier day for each user of a window.

    Args:
        days: Its daily partitions.
        window: Maps a day to the days whose `embeddings` it reads.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"python", "numpy", "parquet"},
        tags={"stage": "assignments"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={"embeddings": dg.AssetIn(partition_mapping=window)},
        deps=["consents"] if consents else [],
        check_specs=[check.spec(days) for check in (_ADDS_UP, _ASSIGNABLE, *_OF_DRIFT)],
    )
    def user_assignments(
        context: dg.AssetExecutionContext,
        config: UserAssignmentsConfig,
        scratch: dg.ResourceParam[Scratch],
        embeddings: pads.Dataset,
        english_users: pads.Dataset,
    ):
        """Users of the window, assigned to the personas of an earlier day without clustering again.

        One row is one user, with the nearest persona of `assigned_day`: the last day before this one that has
        clusters, or `PERSONA_ASSIGN_TO`. Before any day has clusters, nobody is assigned. Personas keep their centres
        and numbers, so that days are comparable. `outlier` marks users who are less similar to their persona than 95 %
        of those from whom it was made. When a check of drift fails, make new clusters. The clusters are read from
        storage and are not a dependency in this graph: no day waits for another one.
        """
        require_memory_for_users(english_users.count_rows(), config.memory_limit)
        data, of_window = read_settings().data, list_window_days(context.partition_key, days, window)
        day = _choose_day(data, context.partition_key, config.assign_to)
        with measuring_time_and_memory(context.log.info) as cost:
            work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch.new_folder())
            earlier = None if day is None else _read(data, day)
            said = open_consent_tables(in_graph=consents, since=of_window[0])
            rules = leave_out_rules("user_assignments", deletions=config.deletions, embedding=config.consent_embedding)
            left_out = find_left_out(embeddings, said, rules, **work)
            assigned = _assign(embeddings, english_users, earlier, left_out, work)
            drift = None if earlier is None else measure_drift(assigned.table, earlier)
        made = build_provenance(
            "user_assignments",
            days=of_window,
            settings={**config.result_settings(), "assign_to": "none" if day is None else f"{day}"},
            libraries=["numpy"],
            inputs=[english_users, *said.list_inputs(), *([] if earlier is None else [earlier.schema])],
            over_window=[embeddings],
        )
        is_first = parse_day(context.partition_key) == days.start.date()
        return dg.MaterializeResult(
            value=with_provenance(assigned.table, made),
            metadata={
                "assigned_day": "none" if day is None else f"{day}",
                **_describe(drift),
                "dropped": build_count_table(assigned.dropped, of="reason"),
                "deleted_posts": len(left_out.posts),
                **window_and_missing_days_metadata(context, embeddings=embeddings),
                **provenance_table(made),
                **cost,
            },
            check_results=[
                _ASSIGNABLE.result(passed=day is not None or is_first),
                *check_assignments(assigned, drift, english_users.count_rows()),
            ],
        )

    return user_assignments


def _assign(
    embeddings: pads.Dataset,
    english_users: pads.Dataset,
    earlier: EarlierClusters | None,
    left_out: LeftOut,
    work: QueryOptions,
) -> AssignedUsers:
    """Return the assigned users; without earlier clusters all are dropped."""
    if earlier is None:
        return AssignedUsers(USER_ASSIGNMENTS.empty_table(), {_NO_EARLIER_DAY: english_users.count_rows()})
    repeated_uris = find_repeated_uris(embeddings, **work)
    return assign_users(
        embeddings,
        english_users,
        earlier,
        repeated_uris=repeated_uris,
        left_out=left_out,
        work=work,
    )


def _choose_day(data: str, partition_key: str, asked: str | None) -> dt.date | None:
    """Return the day whose clusters users are assigned to: `asked`, or the last one before the partition, if any.

    Raises:
        SettingsError: `asked` is no date.
        MissingPartitionError: There are no clusters of the day that is asked for.
    """
    stored = list_stored_days(data, "clusters")
    if asked is not None:
        try:
            day = dt.date.fromisoformat(asked)
        except ValueError as error:
            raise SettingsError(f"PERSONA_ASSIGN_TO={asked} is no date") from error
        if day not in stored:
            raise MissingPartitionError(
                f"clusters have not been materialized for {day}, which PERSONA_ASSIGN_TO names: run dg launch --job "
                f"make_personas --partition {day}"
            )
        return day
    return max((day for day in stored if day < parse_day(partition_key)), default=None)


def _read(data: str, day: dt.date) -> EarlierClusters:
    stored = open_day(data, "clusters", day, "cluster_centres")
    lineage = open_table_of_all_days(data, "lineage")
    return load_earlier_clusters(day, stored.main, stored.side_tables["cluster_centres"], lineage)


def check_assignments(assigned: AssignedUsers, drift: Drift | None, users: int) -> list[dg.AssetCheckResult]:
    """Check that users assigned + dropped = users read, and that they resemble the users who were clustered.

    Args:
        assigned: The assigned users.
        drift: How far they differ from the users of the fit; None if there are none.
        users: Number of rows of `english_users`.
    """
    ids, dropped = assigned.table["user_id"], sum(assigned.dropped.values())
    adds_up = len(ids) + dropped == users and len(set(ids.to_pylist())) == len(ids)
    results = [_ADDS_UP.result(passed=adds_up, users=users, assigned=len(ids), dropped=dropped)]
    if drift is None:
        return [*results, *(check.result(passed=True, users=0) for check in _OF_DRIFT)]
    return [
        *results,
        _FEW_OUTLIERS.result(
            passed=drift.outlier_share <= drift.outlier_limit,
            share=_round(drift.outlier_share),
            limit=_round(drift.outlier_limit),
        ),
        _SIMILAR.result(
            passed=drift.similarity_fall <= drift.fall_limit,
            fall_in_deviations=_round(drift.similarity_fall),
            limit=_round(drift.fall_limit),
        ),
        _SAME_SHARES.result(
            passed=drift.population_shift <= drift.shift_limit,
            psi=_round(drift.population_shift),
            limit=_round(drift.shift_limit),
        ),
    ]


def _describe(drift: Drift | None) -> dict[str, Any]:
    """Return the metadata about drift; only the number of users if there are none."""
    if drift is None:
        return {"users": 0}
    numbers = {
        "outlier_share": drift.outlier_share,
        "new_outlier_share": drift.new_outlier_share,
        "mean_similarity": drift.mean_similarity,
        "fit_similarity": drift.fit_similarity,
        "similarity_fall": drift.similarity_fall,
        "psi": drift.population_shift,
    }
    return {
        "users": drift.users,
        "new_users": drift.new_users,
        **{name: _round(number) for name, number in numbers.items() if number is not None},
        "personas": dg.MetadataValue.table(
            [
                dg.TableRecord({name: _round(cell) if isinstance(cell, float) else cell for name, cell in row.items()})
                for row in drift.by_cluster[:MAX_ROWS_SHOWN]
            ],
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in _COLUMNS.items()]),
        ),
    }


def _round(number: float) -> float:
    return round(float(number), 4)
