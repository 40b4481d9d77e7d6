"""Decide whether names that were given before are still the same, so that reports which show them are up to date."""

import hashlib
from io import BytesIO

import pyarrow as pa
import pyarrow.compute as pc


def choose_version(labels: pa.Table, before: pa.Table | None, version_before: str | None) -> str:
    """Return the data version of the labels: that of before, as long as no day of before has changed.

    Dagster takes what was made from another version for stale. A new day adds rows and changes none, so that the
    reports of earlier days are not stale by it.

    Args:
        labels: `PERSONA_LABELS` of all days.
        before: What was stored; None where nothing was.
        version_before: Its data version.
    """
    if before is not None and version_before is not None:
        of_its_days = labels.filter(pc.is_in(labels["day"], value_set=pc.unique(before["day"])))
        if of_its_days.select(before.column_names).equals(before):
            return version_before
    return digest_table(labels)


def digest_table(table: pa.Table) -> str:
    """Return a digest of the rows and the schema, without its metadata."""
    content = BytesIO()
    plain = table.replace_schema_metadata().combine_chunks()
    with pa.ipc.new_stream(content, plain.schema) as writer:
        writer.write_table(plain)
    return hashlib.sha256(content.getvalue()).hexdigest()
