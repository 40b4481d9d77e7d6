"""Truncate texts and language lists to the limits of their lexicons: a record may be as large as 1 MiB.

Bluesky's own servers reject records over the limits, other servers do not. The event is kept, because the record exists
and others may reply to it. What exceeds a limit is cut off and counted.
"""

from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.event_types import PostRecord, ProfileRecord, TypedRecord

# In bytes of UTF-8: maxLength of app.bsky.feed.post#text and app.bsky.actor.profile#description.
MAX_TEXT_BYTES: dict[type[TypedRecord], int] = {PostRecord: 3000, ProfileRecord: 2560}
# Number of languages: maxLength of app.bsky.feed.post#langs. Bytes of a language: more than a BCP 47 tag needs.
MAX_LANGS, MAX_LANG_BYTES = 3, 64
# Longer lists are shortened as soon as they are decoded: a line of 16 MiB may declare four million languages.
_MAX_LANGS_IN_MEMORY = 64
# knownValues of com.atproto.sync.subscribeRepos#account, and others that servers use.
_STATUSES = frozenset({"active", "takendown", "suspended", "deleted", "deactivated", "desynchronized", "throttled"})
OTHER_STATUS = "other"


def truncate_texts(texts: pa.Array, max_bytes: int) -> tuple[pa.Array, int]:
    """Truncate each text to at most `max_bytes` bytes of UTF-8, and return the texts and the number truncated.

    A text is cut between two characters.
    """
    if _max_length(texts) <= max_bytes:
        return texts, 0
    cut = [text and text.encode()[:max_bytes].decode(errors="ignore") for text in texts.to_pylist()]
    return pa.array(cut, pa.string()), pc.sum(pc.greater(pc.binary_length(texts), max_bytes)).as_py()


def truncate_langs(langs: pa.Array) -> tuple[pa.Array, int]:
    """Truncate each language list to the first `MAX_LANGS` tags, and return the lists and the number changed.

    Tags of more than `MAX_LANG_BYTES` bytes are removed first.
    """
    if _max_length(langs) <= MAX_LANGS and _max_length(langs.values) <= MAX_LANG_BYTES:
        return langs, 0
    declared = langs.to_pylist()
    kept = [tags and [tag for tag in tags if _is_short(tag)][:MAX_LANGS] for tags in declared]
    return pa.array(kept, langs.type), sum(one != other for one, other in zip(declared, kept, strict=True))


def shorten_long_langs(post: PostRecord) -> None:
    """Shorten a list of more than 64 languages in place, such that `truncate_langs` gives the same result."""
    if post.langs is not None and len(post.langs) > _MAX_LANGS_IN_MEMORY:
        kept = list(islice(filter(_is_short, post.langs), MAX_LANGS + 1))
        post.langs = kept if len(kept) > MAX_LANGS else [*kept, next(tag for tag in post.langs if not _is_short(tag))]


def _is_short(tag: str) -> bool:
    return len(tag.encode()) <= MAX_LANG_BYTES


def _max_length(column: pa.StringArray | pa.ListArray) -> int:
    """Return the maximum length in bytes or items; on 512 rows in half the time of pyarrow's functions."""
    if not len(column):
        return 0
    ends = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return int(np.diff(ends).max())


def replace_unknown_status(status: str | None) -> str | None:
    """Return an account's status, or `OTHER_STATUS` for an unknown one: any server may invent some."""
    return status if status is None or status in _STATUSES else OTHER_STATUS
