"""Small data folders for the tests of this package."""

import datetime as dt
import hashlib

import pyarrow as pa
from upath import UPath

from persona_assets import tables
from persona_assets.common.parquet_files import write_parquet
from persona_assets.forgetting.proof import Proof, ProofFile
from persona_assets.forgetting.stored_files import StoredFile, list_stored
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB

DAY = "2025-03-01"
STARTED = dt.datetime(2025, 4, 1, tzinfo=dt.UTC)


def make_proof(data):
    return ProofFile(UPath(data), Proof("2025-04-01T00:00:00.000000Z", 1, 1))


def make_users(*users):
    rows = [{"user_id": user, "posts": 2, "english_posts": 2, "english_share": 1.0} for user in users]
    return pa.Table.from_pylist(rows, schema=tables.ENGLISH_USERS)


def make_posts(*rows):
    made = [
        {
            "uri": f"at://{user}/app.bsky.feed.post/{number}",
            "user_id": user,
            "action": "post",
            "text": text,
            "event_time_us": number,
            "is_english": True,
            "language_reason": "declared",
        }
        for number, (user, text) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=tables.ENGLISH_POSTS)


def store(data, name, table, *, metadata=None, day=DAY):
    """Store a table below `data` as the IO manager does, and return its path."""
    path = data / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = table if metadata is None else table.replace_schema_metadata(metadata)
    write_parquet(path, table.schema, [table], day_column=dt.date.fromisoformat(day))
    return path


def store_users(data, *users, day=DAY):
    return store(data, f"english_users/{day}", make_users(*(users or (ALICE, BOB))), day=day)


def find_file(data, name) -> StoredFile:
    """Return a stored file as it is listed."""
    stored = list_stored(UPath(data))
    files = [*stored.tables, *stored.others, *(file for folder in stored.folders.values() for file in folder)]
    return next(file for file in files if file.name == name)


def digest_all(data, *, leave_out=("forgotten",)):
    """Return the SHA-256 of each file by its path below `data`."""
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.relative_to(data).parts[0] not in leave_out
    }
