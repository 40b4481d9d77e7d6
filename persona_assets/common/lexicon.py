"""Bluesky's names: collections of records, and the forms of `at://` URIs.

Source: https://github.com/bluesky-social/atproto/tree/main/lexicons and https://atproto.com/specs/at-uri-scheme. Only
assets upstream of `user_actions` should need this module: an adapter for another platform replaces them.
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
# Records in which an account says what its data may be used for. Sources:
# https://github.com/lexicon-community/lexicon (community/lexicon/preference/ai.json) and
# https://github.com/bluesky-social/proposals/tree/main/0008-user-intents
AI_PREFERENCE = "community.lexicon.preference.ai"
USER_INTENTS = "org.user-intents.declaration"
CONSENT_COLLECTIONS = (AI_PREFERENCE, USER_INTENTS)
# The key of the record of which an account has one: its profile, its global preferences and its declaration of intents.
SELF_KEY = "self"
# Labels that an account gives itself in its profile, and that say what may be done with its data.
HIDE_FROM_LOGGED_OUT = "!no-unauthenticated"
BOT = "bot"
CONSENT_LABELS = (HIDE_FROM_LOGGED_OUT, BOT)

# Collections that are in every capture, but whose records no asset reads.
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
# Collections of Bluesky and of the AT Protocol. Their names are safe to show: they contain nothing that a user chose.
OFFICIAL_COLLECTIONS = frozenset(
    {
        POST,
        LIKE,
        REPOST,
        FOLLOW,
        BLOCK,
        PROFILE,
        *UNUSED_COLLECTIONS,
        *CONSENT_COLLECTIONS,
        "app.bsky.graph.verification",
        "app.bsky.labeler.service",
        "app.bsky.notification.declaration",
        "chat.bsky.actor.declaration",
        "com.atproto.lexicon.schema",
    }
)

# Values of `$type` in the embed of a post.
EMBED_RECORD = "app.bsky.embed.record"
EMBED_RECORD_WITH_MEDIA = "app.bsky.embed.recordWithMedia"
EMBED_IMAGES = "app.bsky.embed.images"
EMBED_EXTERNAL = "app.bsky.embed.external"
# Types of embeds that quote another post.
QUOTING_EMBEDS = (EMBED_RECORD, EMBED_RECORD_WITH_MEDIA)

URI_SCHEME = "at://"
# Owner and key of the record that a reference names after its account was forgotten: no DID, no handle.
FORGOTTEN_OWNER = "forgotten"
# A URI contains this if and only if the record is a post: DIDs and record keys contain no slash.
POST_IN_URI = f"/{POST}/"


def build_uris(user_ids: pa.Array, collections: pa.Array | pa.StringScalar, rkeys: pa.Array) -> pa.Array:
    """Return the URI `at://<user_id>/<collection>/<rkey>` of each record: string `(n,)`, null if any part is null."""
    return pc.binary_join_element_wise(URI_SCHEME.removesuffix("/"), user_ids, collections, rkeys, "/")


def extract_owner_dids(uris: pa.Array) -> pa.Array:
    """Return the DID in each record URI, its owner's account id: string `(n,)`; null if a URI has none."""
    has_did = pc.starts_with(uris, f"{URI_SCHEME}did:")
    parts = pc.split_pattern(pc.if_else(has_did, uris, URI_SCHEME), "/", max_splits=3)
    return pc.if_else(has_did, pc.list_element(parts, 2), pa.scalar(None, pa.string()))
