"""Jetstream events and the records in them, in the shapes of March 2025 (https://github.com/bluesky-social/jetstream)."""

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
from persona_assets.sample.identifiers import make_blob_cid, make_record_cid, make_tid, make_uri, write_instant

Event = dict[str, Any]
Record = dict[str, Any]


class Ref(NamedTuple):
    """A strong reference: which record, and which version of it."""

    cid: str
    uri: str


def wrap_commit(  # noqa: PLR0913 - as many parts as a commit has
    user_id: str,
    time_us: int,
    operation: str,
    path: tuple[str, str],
    *,
    record: Record | None = None,
    rng: np.random.Generator,
) -> Event:
    """Return a commit event on the record at `path` (collection and rkey); one that deletes has no `record`."""
    commit: dict[str, Any] = {"rev": make_tid(time_us, rng), "operation": operation}
    commit |= {"collection": path[0], "rkey": path[1]}
    if record is not None:
        commit |= {"record": dict(sorted(record.items())), "cid": make_record_cid(rng)}
    return {"did": user_id, "time_us": time_us, "kind": "commit", "commit": commit}


def wrap_identity(user_id: str, time_us: int, *, handle: str, seq: int) -> Event:
    """Return an identity event: an account has this handle now."""
    body = {"did": user_id, "handle": handle, "seq": seq, "time": write_instant(time_us)}
    return {"did": user_id, "time_us": time_us, "kind": "identity", "identity": body}


def wrap_account(user_id: str, time_us: int, *, status: str, seq: int) -> Event:
    """Return an account event; `status` is "active" or why the account is not."""
    body: dict[str, Any] = {"active": status == "active", "did": user_id, "seq": seq}
    body |= {} if status == "active" else {"status": status}
    body["time"] = write_instant(time_us)
    return {"did": user_id, "time_us": time_us, "kind": "account", "account": body}


def make_record(collection: str, created_us: int, **fields: Any) -> Record:
    """Return a record of `collection` with its creation time and `fields`."""
    return {"$type": collection, "createdAt": write_instant(created_us), **fields}


def write_ref(ref: Ref) -> dict[str, str]:
    """Return `ref` as records hold it."""
    return {"cid": ref.cid, "uri": ref.uri}


def embed_quote(quoted: Ref) -> Record:
    """Return the embed of a quote."""
    return {"$type": EMBED_RECORD, "record": write_ref(quoted)}


def embed_quote_with_picture(quoted: Ref, rng: np.random.Generator) -> Record:
    """Return the embed of a quote that shows a picture too: its reference lies one level deeper."""
    kind = EMBED_RECORD_WITH_MEDIA
    return {"$type": kind, "media": embed_picture(rng), "record": embed_quote(quoted)}


def embed_picture(rng: np.random.Generator) -> Record:
    """Return the embed of a picture without a description."""
    picture = {"alt": "", "aspectRatio": {"height": 900, "width": 1200}, "image": make_blob(rng)}
    return {"$type": EMBED_IMAGES, "images": [picture]}


def embed_link(url: str, rng: np.random.Generator) -> Record:
    """Return the card of a web page."""
    card = {"description": "", "thumb": make_blob(rng), "title": "A page", "uri": url}
    return {"$type": EMBED_EXTERNAL, "external": card}


def make_blob(rng: np.random.Generator) -> Record:
    """Return a reference to a JPEG."""
    size = int(rng.integers(20_000, 900_000))
    return {"$type": "blob", "ref": {"$link": make_blob_cid(rng)}, "mimeType": "image/jpeg", "size": size}


def append_tag(text: str, tag: str) -> tuple[str, Record]:
    """Return `text` with a hashtag at its end, and the facet that marks it: its places are UTF-8 bytes."""
    start = len(f"{text} ".encode())
    feature = {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
    return f"{text} #{tag}", {"features": [feature], "index": {"byteEnd": start + 1 + len(tag), "byteStart": start}}


def make_foreign_record(user_id: str, created_us: int, rng: np.random.Generator) -> tuple[str, Record]:
    """Return a collection that the graph does not read, or an application's that is not Bluesky, and a record of it."""
    made_up = {
        THREADGATE: {"allow": [], "post": make_uri(user_id, POST, make_tid(created_us, rng))},
        LIST: {"name": "People", "purpose": "app.bsky.graph.defs#curatelist"},
        "com.whtwnd.blog.entry": {"content": "# A long read\n\nAbout nothing.", "title": "A long read"},
        "blue.flashes.feed.post": {"text": "Seen elsewhere.", "langs": ["en"]},
        "xyz.statusphere.status": {"status": "\N{OK HAND SIGN}"},
    }
    collection = list(made_up)[rng.integers(len(made_up))]
    return collection, make_record(collection, created_us, **made_up[collection])
