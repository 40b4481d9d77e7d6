"""Small data folders for the tests of this package."""

import datetime as dt
import hashlib
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.common.line_tables import LINE_MESSAGES, LINES
from persona_assets.common.parquet_files import write_parquet
from persona_assets.forgetting.proof import Proof, ProofFile
from persona_assets.forgetting.stored_files import StoredFile, classify_stored_files
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


def store_index(folder, lines):
    """Store an index of lines in a folder of `cluster_jsonl`.

    Args:
        folder: The folder.
        lines: The cluster, the user and, of each message, what stands behind `at://` in its address.
    """
    numbers, rows, messages = Counter(), [], []
    for cluster, user, shown in lines:
        places = range(len(messages), len(messages) + len(shown))
        messages += [
            {"message": at, "uri": f"at://{rest}", "event_time_us": at} for at, rest in zip(places, shown, strict=True)
        ]
        row = {"cluster_id": cluster, "line_number": numbers[cluster], "user_id": user, "action": "post"}
        rows.append({**row, "event_time_us": 0, "uri": f"at://{user}/a", "messages": [*places]})
        numbers[cluster] += 1
    store(folder, "lines", pa.Table.from_pylist(rows, schema=LINES))
    store(folder, "line_messages", pa.Table.from_pylist(messages, schema=LINE_MESSAGES))


def read_index(folder):
    """Return the cluster, the place and the user of each line, and what stands behind `at://` in its messages."""
    messages = pq.read_table(folder / "line_messages.parquet").to_pylist()
    assert [row["message"] for row in messages] == [*range(len(messages))]
    return [
        (row["cluster_id"], row["line_number"], row["user_id"], [messages[at]["uri"][5:] for at in row["messages"]])
        for row in pq.read_table(folder / "lines.parquet").to_pylist()
    ]


def find_file(data, name) -> StoredFile:
    """Return a stored file as it is listed."""
    stored = classify_stored_files(UPath(data))
    files = [*stored.tables, *stored.others, *(file for folder in stored.folders.values() for file in folder)]
    return next(file for file in files if file.name == name)


def digest_all(data, *, leave_out=("forgotten",)):
    """Return the SHA-256 of each file by its path below `data`."""
    return {
        path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.relative_to(data).parts[0] not in leave_out
    }
