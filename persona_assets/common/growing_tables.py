"""Choose the data version of a table over all days, so that a new day does not make reports of earlier days stale."""

import hashlib
from io import BytesIO

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from upath import UPath


def read_stored_table(context: dg.AssetExecutionContext, data: str) -> tuple[pa.Table | None, str | None]:
    """Return the stored table of an asset without partitions, and its data version; None for what is missing.

    Args:
        context: Of the asset's step.
        data: The setting `data`.

    Returns:
        None and None where nothing is stored or it cannot be read.
    """
    file = UPath(data).absolute() / f"{context.asset_key.to_user_string()}.parquet"
    event = context.instance.get_latest_materialization_event(context.asset_key)
    if event is None or event.asset_materialization is None or not file.exists():
        return None, None
    try:
        with file.open("rb") as opened:
            before = pq.read_table(opened)
    except (pa.ArrowException, OSError):  # damaged: what is made now takes its place
        return None, None
    return before, (event.asset_materialization.tags or {}).get(DATA_VERSION_TAG)


def choose_data_version(table: pa.Table, stored: pa.Table | None, stored_version: str | None) -> str:
    """Return `stored_version` if the rows of all stored days are unchanged in `table`, else a digest of `table`.

    Dagster takes what was made from another version for stale. A new day adds rows and changes none, so that the
    reports of earlier days are not stale by it.

    Args:
        table: The rows of all days, with a column `day`.
        stored: What was stored; None where nothing was.
        stored_version: Its data version.
    """
    if stored is not None and stored_version is not None:
        of_its_days = table.filter(pc.is_in(table["day"], value_set=pc.unique(stored["day"])))
        if of_its_days.select(stored.column_names).equals(stored):
            return stored_version
    return digest_table(table)


def digest_table(table: pa.Table) -> str:
    """Return the SHA-256 of the rows and the schema of a table, without the schema's metadata."""
    content = BytesIO()
    plain = table.replace_schema_metadata().combine_chunks()
    with pa.ipc.new_stream(content, plain.schema) as writer:
        writer.write_table(plain)
    return hashlib.sha256(content.getvalue()).hexdigest()
