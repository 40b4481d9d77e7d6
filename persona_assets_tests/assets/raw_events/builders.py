"""Small captures for the tests of this asset."""

import datetime as dt
import json
from itertools import count

import pyarrow.parquet as pq
from upath import UPath

from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.capture.files import find_files
from persona_assets.capture.zstd_dictionaries import load_zstd_dictionaries

DAY = dt.date(2025, 3, 1)
NOON_US = 1_740_830_400_000_000
ALICE = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
BOB = "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"
POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"

_serial = count()


def line(event):
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()


def commit(  # noqa: PLR0913 - the fields of a commit
    collection, record, *, operation="create", user=ALICE, time_us=NOON_US, rkey=None, rev=None
):
    """A v1 commit event, with a unique record key and revision unless given."""
    number = next(_serial)
    inside = {
        "rev": rev or f"rev{number:010}",
        "operation": operation,
        "collection": collection,
        "rkey": rkey or f"key{number:010}",
    }
    if record is not None:
        inside |= {"record": {"$type": collection, **record}, "cid": "bafyrei"}
    return {"did": user, "time_us": time_us, "kind": "commit", "commit": inside}


def post(text="hello", **about):
    fields = {name: about.pop(name) for name in ("langs", "embed", "reply") if name in about}
    return commit(POST, {"createdAt": "2025-03-01T12:00:00.000Z", "text": text, **fields}, **about)


def like(uri="at://did:plc:bbbbbbbbbbbbbbbbbbbbbbbb/app.bsky.feed.post/1", **about):
    return commit(LIKE, {"subject": {"cid": "bafyrei", "uri": uri}}, **about)


def delete(collection=LIKE, **about):
    return commit(collection, None, operation="delete", **about)


def account(*, active=True, seq=1, user=ALICE, time_us=NOON_US, **about):
    body = {"active": active, "did": user, "seq": seq, "time": "2025-03-01T12:00:00.000Z", **about}
    return {"did": user, "time_us": time_us, "kind": "account", "account": body}


def identity(*, seq=1, user=ALICE, time_us=NOON_US):
    body = {"did": user, "handle": "a.test", "seq": seq, "time": "2025-03-01T12:00:00.000Z"}
    return {"did": user, "time_us": time_us, "kind": "identity", "identity": body}


def embed_record(uri):
    return {"$type": "app.bsky.embed.record", "record": {"cid": "bafyrei", "uri": uri}}


def embed_record_with_media(uri):
    return {
        "$type": "app.bsky.embed.recordWithMedia",
        "media": {"$type": "app.bsky.embed.images", "images": []},
        "record": embed_record(uri),
    }


def write_file(path, events, *, pack=lambda content: content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(b"".join(line(event) + b"\n" for event in events)))
    return path


class StoredDay:
    """The stored tables and the counts of a parsed day."""

    def __init__(self, parsed):
        self.counts = parsed.counts
        self.bytes = parsed.raw_events.read_bytes(), parsed.rejected_lines.read_bytes()
        self.table = pq.read_table(parsed.raw_events)
        self.events = self.table.to_pylist()
        self.rejected = pq.read_table(parsed.rejected_lines).to_pylist()

    @property
    def reasons(self):
        return [row["reason"] for row in self.rejected]


def read_day(  # noqa: PLR0913 - the options of a capture
    capture, scratch, *, day=DAY, workers=1, pattern=None, dictionaries=None, tombstones=None
):
    scratch.mkdir(parents=True)
    files = find_files(UPath(capture), day, pattern=pattern)
    loaded = load_zstd_dictionaries(UPath(dictionaries)) if dictionaries else None
    parsed = parse_files(files, day=day, workers=workers, scratch=scratch, dictionaries=loaded, tombstones=tombstones)
    return StoredDay(parsed)


def read_lines_of(events, folder, **options):
    """Read a capture whose day is one file of these events (dicts or bytes)."""
    write_file(folder / "capture" / "2025-03-01" / "events.jsonl", events)
    return read_day(folder / "capture", folder / "scratch", **options)
