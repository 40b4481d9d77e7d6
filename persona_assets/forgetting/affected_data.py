"""Tell what accounts are part of although no id says so: texts in the vector store, and reports of a window of days.

All of this is read from daily tables that still hold the accounts. So those are changed last, and a run that was
killed finds the same again.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from persona_assets.common.provenance import read_provenance
from persona_assets.common.vector_chunks import TextHashes, hash_texts
from persona_assets.forgetting.stored_files import StoredFile
from persona_assets.forgotten_accounts.accounts import Accounts

# Tables with what accounts did on a day, in the order in which they are changed: what is made of others comes first.
DAILY_TABLES = ("embeddings", "english_posts", "user_actions", "rejected_lines", "raw_events")
# The table whose texts are embedded.
_EMBEDDED = "english_posts"


def table_name_of(file: StoredFile) -> str:
    """Return the name of the table that a stored file belongs to: the first folder of its path."""
    return file.name.partition("/")[0]


def find_days_of_files(named: Iterable[StoredFile]) -> set[dt.date]:
    """Return the days of those given files (which all name an account) that belong to daily tables."""
    days = (_parse_day(file.path.stem) for file in named if table_name_of(file) in DAILY_TABLES)
    return {day for day in days if day is not None}


def is_affected(folder: str, files: list[StoredFile], days: set[dt.date], *, window_days: int) -> bool:
    """Return whether a day's folder was made from a window that includes one of `days`.

    The window is that of its provenance, or `window_days` without one.

    Args:
        folder: `<asset>/<day>`.
        files: Its files.
        days: From `find_days_of_files`.
        window_days: Number of days that end with the day of the folder.
    """
    last = dt.date.fromisoformat(folder.rpartition("/")[2])
    first = min((_read_first_day(file) or last for file in files), default=last)
    first = min(first, last - dt.timedelta(window_days - 1))
    return any(first <= day <= last for day in days)


def hash_texts_without_other_authors(
    tables: list[StoredFile], named: list[StoredFile], accounts: Accounts
) -> TextHashes:
    """Hash the texts that these accounts wrote and nobody else, as the vector cache does: uint64 `(n, 2)`.

    Args:
        tables: All stored tables.
        named: Those that name an account: the accounts' own texts are read from them.
        accounts: The accounts.
    """
    own = set[str]()
    for file in named:
        if table_name_of(file) in DAILY_TABLES:
            for texts, is_own in _read_texts(file, accounts):
                own.update(texts.filter(pa.array(is_own)).drop_null().to_pylist())
    if not own:
        return np.empty((0, 2), np.uint64)
    values, others = pa.array(sorted(own)), set[str]()
    for file in tables:
        if table_name_of(file) == _EMBEDDED:
            for texts, is_own in _read_texts(file, accounts):
                by_others = pc.and_(pc.is_in(texts, values), pa.array(~is_own))
                others.update(texts.filter(by_others).to_pylist())
    return hash_texts(sorted(own - others))


def _read_texts(file: StoredFile, accounts: Accounts) -> Iterator[tuple[pa.Array, Any]]:
    """Yield the texts of a table, and which of them the accounts wrote; nothing if it has no texts."""
    with file.path.open("rb") as opened:
        table = pq.ParquetFile(opened)
        if not {"user_id", "text"} <= set(table.schema_arrow.names):
            return
        for batch in table.iter_batches(columns=["user_id", "text"]):
            users = batch["user_id"].dictionary_encode()
            of_users = accounts.find(users.dictionary)
            yield batch["text"], of_users[users.indices.to_numpy(zero_copy_only=False)]


def _read_first_day(file: StoredFile) -> dt.date | None:
    if file.path.suffix != ".parquet":
        return None
    with file.path.open("rb") as opened:
        window = (read_provenance(pq.read_schema(opened)) or {}).get("window", {})
    return _parse_day(str(window.get("from")))


def _parse_day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
