"""Make Jetstream events and their records as JSON objects, in the format of March 2025.

Source: https://github.com/bluesky-social/jetstream.
"""

from typing import Any, NamedTuple

import numpy as np

from persona_assets.common.lexicon import (
    EMBED_EXTERNAL,
    EMBED_IMAGES,
    EMBED_RECORD,
    EMBED_RECORD_WITH_MEDIA,
    LIST,
    POST,
    THREADGATE,
)
from persona_assets.sample.identifiers import format_record_time, make_blob_cid, make_record_cid, make_tid, make_uri

EventJson = dict[str, Any]
RecordJson = dict[str, Any]


class StrongRef(NamedTuple):
    """A strong reference of the AT Protocol: the URI of a record and the CID of one version of it."""

    cid: str
    uri: str


def make_commit_event(  # noqa: PLR0913 - the parts of a commit
    user_id: str,
    time_us: int,
    operation: str,
    path: tuple[str, str],
    *,
    record: RecordJson | None = None,
    rng: np.random.Generator,
) -> EventJson:
    """Return a commit event in Jetstream's v1 format for the record at `path` (collection, rkey)."""
    commit: dict[str, Any] = {"rev": make_tid(time_us, rng), "operation": operation}
    commit |= {"collection": path[0], "rkey": path[1]}
    if record is not None:
        commit |= {"record": dict(sorted(record.items())), "cid": make_record_cid(rng)}
    return {"did": user_id, "time_us": time_us, "kind": "commit", "commit": commit}


def make_identity_event(user_id: str, time_us: int, *, handle: str, seq: int) -> EventJson:
    """Return an identity event in Jetstream's v1 format, which gives an account a handle."""
    body = {"did": user_id, "handle": handle, "seq": seq, "time": format_record_time(time_us)}
    return {"did": user_id, "time_us": time_us, "kind": "identity", "identity": body}


def make_account_event(user_id: str, time_us: int, *, status: str, seq: int) -> EventJson:
    """Return an account event in Jetstream's v1 format; `status` is "active", or why the account is inactive."""
    body: dict[str, Any] = {"active": status == "active", "did": user_id, "seq": seq}
    body |= {} if status == "active" else {"status": status}
    body["time"] = format_record_time(time_us)
    return {"did": user_id, "time_us": time_us, "kind": "account", "account": body}


def make_record(collection: str, created_us: int, **fields: Any) -> RecordJson:
    """Return a record of `collection` with `$type`, `createdAt` and `fields`."""
    return {"$type": collection, "createdAt": format_record_time(created_us), **fields}


def to_ref_json(ref: StrongRef) -> dict[str, str]:
    """Convert a strong reference to the JSON object `{"cid": ..., "uri": ...}`."""
    return {"cid": ref.cid, "uri": ref.uri}


def make_quote_embed(quoted: StrongRef) -> RecordJson:
    """Return the `embed` of a post that quotes the record `quoted`."""
    return {"$type": EMBED_RECORD, "record": to_ref_json(quoted)}


def make_quote_and_picture_embed(quoted: StrongRef, rng: np.random.Generator) -> RecordJson:
    """Return the `embed` of a post with a quote and a picture; its reference is nested one level deeper."""
    kind = EMBED_RECORD_WITH_MEDIA
    return {"$type": kind, "media": make_picture_embed(rng), "record": make_quote_embed(quoted)}


def make_picture_embed(rng: np.random.Generator) -> RecordJson:
    """Return the `embed` of a post with one picture without description."""
    picture = {"alt": "", "aspectRatio": {"height": 900, "width": 1200}, "image": make_blob(rng)}
    return {"$type": EMBED_IMAGES, "images": [picture]}


def make_link_embed(url: str, rng: np.random.Generator) -> RecordJson:
    """Return the `embed` of a post with a link to the web page `url`."""
    card = {"description": "", "thumb": make_blob(rng), "title": "A page", "uri": url}
    return {"$type": EMBED_EXTERNAL, "external": card}


def make_blob(rng: np.random.Generator) -> RecordJson:
    """Return a random reference to a JPEG blob, as an image embed has it."""
    size = int(rng.integers(20_000, 900_000))
    return {"$type": "blob", "ref": {"$link": make_blob_cid(rng)}, "mimeType": "image/jpeg", "size": size}


def append_hashtag(text: str, tag: str) -> tuple[str, RecordJson]:
    """Return `text` with a hashtag appended, and the facet that marks it by byte offsets in UTF-8."""
    start = len(f"{text} ".encode())
    feature = {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
    return f"{text} #{tag}", {"features": [feature], "index": {"byteEnd": start + 1 + len(tag), "byteStart": start}}


def make_unread_record(user_id: str, created_us: int, rng: np.random.Generator) -> tuple[str, RecordJson]:
    """Draw a collection that no asset reads, of Bluesky or another application; return its name and a record."""
    made_up = {
        THREADGATE: {"allow": [], "post": make_uri(user_id, POST, make_tid(created_us, rng))},
        LIST: {"name": "People", "purpose": "app.bsky.graph.defs#curatelist"},
        "com.whtwnd.blog.entry": {"content": "# A long read\n\nAbout nothing.", "title": "A long read"},
        "blue.flashes.feed.post": {"text": "Seen elsewhere.", "langs": ["en"]},
        "xyz.statusphere.status": {"status": "\N{OK HAND SIGN}"},
    }
    collection = list(made_up)[rng.integers(len(made_up))]
    return collection, make_record(collection, created_us, **made_up[collection])
