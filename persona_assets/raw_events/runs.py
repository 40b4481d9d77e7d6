"""Turn decoded events into sorted runs: Arrow files in scratch, each of one buffer of events."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.raw_events.events import QUOTING, Embed, Event, Follow, Like, Post, Profile
from persona_assets.tables import RAW_EVENTS

# As RAW_EVENTS; `event_time_us` of every 1024th row tells, without reading the run, where its times lie.
FENCE_ROWS = 1024


def build_table(buckets: dict[str, list[Event]]) -> pa.Table:
    """Return `tables.RAW_EVENTS` of the events, by time; which of two at the same time comes first is open.

    Args:
        buckets: Events by what their records hold: "post", "subject" (a record), "account" (one followed or
            blocked), "profile", "bare" (a commit without a record that we read), "notice" (no commit).
    """
    parts = [BUCKETS[name](held) for name, held in buckets.items() if held]
    whole = pa.concat_tables([_complete(part) for part in parts]).unify_dictionaries().combine_chunks()
    return whole.take(pc.sort_indices(whole["event_time_us"]))


def write_run(table: pa.Table, where: Path) -> list[int]:
    """Write one run and return its fences: the time of every 1024th row and of the last one."""
    with pa.OSFile(str(where), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    times = table["event_time_us"]
    return [times[row].as_py() for row in range(0, len(times), FENCE_ROWS)] + [times[-1].as_py()]


def count_kinds(table: pa.Table) -> Counter[tuple[str, str | None, str | None]]:
    """Count events by kind, collection and operation."""
    keys = ["kind", "collection", "operation"]
    counted = table.select(keys).group_by(keys).aggregate([([], "count_all")])
    return Counter(
        {(row["kind"], row["collection"], row["operation"]): row["count_all"] for row in counted.to_pylist()}
    )


def _complete(columns: dict[str, Any]) -> pa.Table:
    rows = len(columns["user_id"])
    arrays = [
        _as_array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type)
        for field in RAW_EVENTS
    ]
    return pa.table(arrays, schema=RAW_EVENTS)


def _as_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def _envelope(events: list[Event]) -> dict[str, Any]:
    commits = [event.commit for event in events]
    return {
        "event_time_us": [event.time_us for event in events],
        "user_id": [event.did for event in events],
        "kind": ["commit"] * len(events),
        "collection": [commit.collection for commit in commits],  # pyright: ignore[reportOptionalMemberAccess]
        "operation": [commit.operation for commit in commits],  # pyright: ignore[reportOptionalMemberAccess]
        "rkey": [commit.rkey for commit in commits],  # pyright: ignore[reportOptionalMemberAccess]
        "rev": [commit.rev for commit in commits],  # pyright: ignore[reportOptionalMemberAccess]
        "seq": [event.seq for event in events],
    }


def _records(events: list[Event]) -> list[Any]:
    return [event.commit.record for event in events]  # pyright: ignore[reportOptionalMemberAccess]


def _post_columns(events: list[Event]) -> dict[str, Any]:
    posts: list[Post] = _records(events)
    replies = [post.reply for post in posts]
    return _envelope(events) | {
        "text": [post.text for post in posts],
        "langs": [post.langs for post in posts],
        "parent_uri": [reply.parent.uri if reply and reply.parent else None for reply in replies],
        "root_uri": [reply.root.uri if reply and reply.root else None for reply in replies],
        "quoted_uri": [post.embed and _quoted(post.embed) for post in posts],
    }


def _quoted(embed: Embed) -> str | None:
    if embed.type not in QUOTING or embed.record is None:
        return None
    return embed.record.uri or (embed.record.record and embed.record.record.uri)


def _subject_columns(events: list[Event]) -> dict[str, Any]:
    likes: list[Like] = _records(events)
    return _envelope(events) | {"subject_uri": [like.subject.uri for like in likes]}


def _account_columns(events: list[Event]) -> dict[str, Any]:
    follows: list[Follow] = _records(events)
    return _envelope(events) | {"subject_did": [follow.subject for follow in follows]}


def _profile_columns(events: list[Event]) -> dict[str, Any]:
    profiles: list[Profile] = _records(events)
    return _envelope(events) | {"text": [profile.description for profile in profiles]}


def _notice_columns(events: list[Event]) -> dict[str, Any]:
    bodies = [getattr(event, event.kind) for event in events]
    return {
        "event_time_us": [event.time_us for event in events],
        "user_id": [event.did for event in events],
        "kind": [event.kind for event in events],
        "rev": [body.rev for body in bodies],
        "account_active": [body.active for body in bodies],
        "account_status": [body.status for body in bodies],
        "seq": [body.seq for body in bodies],
    }


BUCKETS = {
    "post": _post_columns,
    "subject": _subject_columns,
    "account": _account_columns,
    "profile": _profile_columns,
    "bare": _envelope,
    "notice": _notice_columns,
}
