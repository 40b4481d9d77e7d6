"""A graph of planted statements and `consents`, with its storage and instance."""

import datetime as dt
import json

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.assets.consents.assets import build_consents
from persona_assets.common.scratch import Scratch
from persona_assets.consent.schemas import CONSENT_RECORDS
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions

FIRST = "2025-03-01"


class Graph:
    """Stores planted days of `consent_records`, and makes `consents` of them."""

    def __init__(self, folder, days, instance):
        """Take the statements of each day, by the day."""
        partitions = daily_partitions(dt.date.fromisoformat(FIRST))

        @dg.asset(partitions_def=partitions)
        def consent_records(context):
            return dg.MaterializeResult(value=pa.Table.from_pylist(days[context.partition_key], schema=CONSENT_RECORDS))

        self.folder, self.days, self.instance = folder, days, instance
        self.definitions = dg.Definitions(
            assets=[consent_records, build_consents()],
            resources={"io_manager": ParquetIOManager(base=str(folder)), "scratch": Scratch()},
        )

    def store(self, *days):
        for day in days:
            self._make("consent_records", partition_key=day)

    def resolve(self):
        """Make `consents`; return the metadata, and whether each check passed."""
        done = self._make("consents")
        (made,) = done.asset_materializations_for_node("consents")
        return made.metadata, {check.check_name: check.passed for check in done.get_asset_check_evaluations()}

    def rows(self):
        """What is stored, by account, without what is null or false."""
        stored = pq.read_table(self.folder / "consents.parquet").to_pylist()
        return {row.pop("user_id"): {name: value for name, value in row.items() if value} for row in stored}

    def _make(self, asset, **partition):
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=self.instance, asset_selection=[dg.AssetKey(asset)], **partition)


def store_posts(data, asset, day, uris):
    """Store a day of an asset, or of the side table `deleted_posts`, that has these addresses."""
    where = (
        data / asset / day / "line_messages.parquet" if asset == "cluster_jsonl" else data / asset / f"{day}.parquet"
    )
    where.parent.mkdir(exist_ok=True, parents=True)
    columns = {"uri": pa.array(uris, pa.string()), "user_id": pa.array([""] * len(uris), pa.string())}
    pq.write_table(pa.table(columns), where)


def store_users(data, asset, day, users):
    """Store a day of an asset that holds these accounts, as its IO manager would."""
    where = data / asset
    if asset == "cluster_jsonl":
        (where / day).mkdir(parents=True)
        (where / day / "user_clusters.json").write_text(json.dumps(dict.fromkeys(users, 0)))
        return
    where.mkdir(exist_ok=True, parents=True)
    pq.write_table(pa.table({"user_id": pa.array(users, pa.string())}), where / f"{day}.parquet")
