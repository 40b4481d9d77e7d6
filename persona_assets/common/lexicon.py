"""Bluesky's names: collections of records, and the forms of `at://` URIs.

Source: https://github.com/bluesky-social/atproto/tree/main/lexicons and https://atproto.com/specs/at-uri-scheme. Only
what comes before `user_actions` should need it: another platform starts there.
"""

import pyarrow as pa
import pyarrow.compute as pc

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FOLLOW = "app.bsky.graph.follow"
BLOCK = "app.bsky.graph.block"
PROFILE = "app.bsky.actor.profile"
FEED_GENERATOR = "app.bsky.feed.generator"
THREADGATE = "app.bsky.feed.threadgate"
LIST = "app.bsky.graph.list"

# Collections that every capture has, and whose records no asset uses.
UNUSED_COLLECTIONS = (
    "app.bsky.actor.status",
    FEED_GENERATOR,
    "app.bsky.feed.postgate",
    THREADGATE,
    LIST,
    "app.bsky.graph.listblock",
    "app.bsky.graph.listitem",
    "app.bsky.graph.starterpack",
)
# Collections of Bluesky and of the AT Protocol: their names hold nothing that a person wrote.
OFFICIAL_COLLECTIONS = frozenset(
    {
        POST,
        LIKE,
        REPOST,
        FOLLOW,
        BLOCK,
        PROFILE,
        *UNUSED_COLLECTIONS,
        "app.bsky.graph.verification",
        "app.bsky.labeler.service",
        "app.bsky.notification.declaration",
        "chat.bsky.actor.declaration",
        "com.atproto.lexicon.schema",
    }
)

# Types of a post's embed.
EMBED_RECORD = "app.bsky.embed.record"
EMBED_RECORD_WITH_MEDIA = "app.bsky.embed.recordWithMedia"
EMBED_IMAGES = "app.bsky.embed.images"
EMBED_EXTERNAL = "app.bsky.embed.external"
# Embeds that quote another post.
QUOTING_EMBEDS = (EMBED_RECORD, EMBED_RECORD_WITH_MEDIA)

URI_SCHEME = "at://"
# What stands in the URI of a post, and in no other record's: a DID and a record key contain no slash.
POST_IN_URI = f"/{POST}/"


def write_uris(user_ids: pa.Array, collections: pa.Array, rkeys: pa.Array) -> pa.Array:
    """Return the URI of each record, null where a part of it is null: string `(n,)`."""
    return pc.binary_join_element_wise(URI_SCHEME.removesuffix("/"), user_ids, collections, rkeys, "/")


def find_owners(uris: pa.Array) -> pa.Array:
    """Return the DID of the account that owns each record, null where a URI has none: string `(n,)`."""
    has_one = pc.starts_with(uris, f"{URI_SCHEME}did:")
    parts = pc.split_pattern(pc.if_else(has_one, uris, URI_SCHEME), "/", max_splits=3)
    return pc.if_else(has_one, pc.list_element(parts, 2), pa.scalar(None, pa.string()))
