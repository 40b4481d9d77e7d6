"""Keep the statements of many days compacted in a file, which tells by digests what it was made of.

The file may be missing, old or damaged at any time: then more days are read, and the result is the same.
"""

import datetime as dt
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from persona_assets.assets.consents.day_files import DayFile, open_like
from persona_assets.common.parquet_checksums import read_body_digest, verify_parquet
from persona_assets.consent.compaction import CompactedStatements, write_compacted_statements
from persona_assets.consent.schemas import COMPACTED_STATEMENTS
from persona_assets.errors import StorageError

FILE_NAME = "compacted_statements.parquet"
# With more days than this that are not in the file, it is written anew.
MAX_NEW_DAYS = 31
# Key in the schema metadata; the value is JSON: the digest of each day's file.
_DIGESTS = "persona_assets.compacted_days"

_log = logging.getLogger(__name__)


class SplitDays(NamedTuple):
    """The stored days, as those that have to be read and a compacted rest, with the digests of all."""

    new: pads.FileSystemDataset  # CONSENT_RECORDS
    compacted: CompactedStatements | None
    digests: Mapping[str, str]  # by day, of the days that can be compacted
    statements: int  # rows of all days

    @property
    def are_many_new(self) -> bool:
        """Whether enough days are new to compact them."""
        return len(self.new.files) > MAX_NEW_DAYS


def split_days(dataset: pads.FileSystemDataset, days: Mapping[str, DayFile], file: str) -> SplitDays:
    """Find which days the compacted file has as they are stored.

    Args:
        dataset: `CONSENT_RECORDS` of all days.
        days: The file of each day.
        file: The compacted file, which may be missing or damaged, on the file system of the dataset.
    """
    digests, statements = _read_footers(dataset.filesystem, days)
    behind = _read_compacted_days(dataset.filesystem, file)
    changed = sorted(day for day, digest in behind.items() if digests.get(day) != digest)
    if not behind or 2 * len(changed) > len(behind):
        return SplitDays(dataset, None, digests, statements)
    unchanged = [days[day].path for day in behind if day not in changed]
    new = [days[day].path for day in days if day not in behind or day in changed]
    compacted = CompactedStatements(
        open_like(dataset, [file], COMPACTED_STATEMENTS), open_like(dataset, unchanged, COMPACTED_STATEMENTS), changed
    )
    return SplitDays(open_like(dataset, new, dataset.schema), compacted, digests, statements)


def compact_days(split: SplitDays, *, memory_limit: str, scratch: Path) -> Path:
    """Write the statements of all days, compacted, to a file in `scratch`, and return its path.

    Raises:
        StorageError: The disk of `scratch` is full.
    """
    where = scratch / FILE_NAME
    metadata = {_DIGESTS: json.dumps(split.digests, sort_keys=True)}
    days = open_like(split.new, split.new.files, COMPACTED_STATEMENTS)
    write_compacted_statements(
        where, days, split.compacted, metadata=metadata, memory_limit=memory_limit, scratch=scratch
    )
    return where


def _read_footers(filesystem: pafs.FileSystem, days: Mapping[str, DayFile]) -> tuple[dict[str, str], int]:
    """Return the digests of days whose files have one, and rows of that day alone, and the number of all rows."""
    digests: dict[str, str] = {}
    rows = 0
    for day, stored in days.items():
        with filesystem.open_input_file(stored.path) as file:
            digest, metadata = read_body_digest(file, name=stored.path), pq.read_metadata(file)
        rows += metadata.num_rows
        if digest is not None and _has_rows_of(day, metadata):
            digests[day] = digest
    return digests, rows


def _has_rows_of(day: str, metadata: Any) -> bool:
    """Return whether all rows have this day, by statistics: in the compacted file, `day` is all that identifies one."""
    columns = [metadata.row_group(group).column(metadata.num_columns - 1) for group in range(metadata.num_row_groups)]
    is_day = dt.date.fromisoformat(day)
    return all(
        column.path_in_schema == "day"
        and column.statistics is not None
        and column.statistics.min == column.statistics.max == is_day
        for column in columns
    )


def _read_compacted_days(filesystem: pafs.FileSystem, path: str) -> Mapping[str, str]:
    """Return the digests of the days behind the compacted file, by day; none if it is missing or of no use."""
    if filesystem.get_file_info(path).type != pafs.FileType.File:
        return {}
    try:
        with filesystem.open_input_file(path) as file:
            if not verify_parquet(file, name=FILE_NAME):
                return {}
            schema = pq.read_schema(file)
    except (StorageError, pa.ArrowException):
        _log.warning("%s is damaged: all days are read, and it is written again", FILE_NAME)
        return {}
    digests = (schema.metadata or {}).get(_DIGESTS.encode())
    if digests is None or not schema.remove_metadata().equals(COMPACTED_STATEMENTS.remove_metadata()):
        return {}
    return json.loads(digests)
