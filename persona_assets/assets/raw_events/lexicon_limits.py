"""Keep what records say within the bounds of their lexicons: one record may be 1 MiB.

Bluesky's own servers refuse such records, others do not. The event is kept, as the record is there and others may
answer it; what is over is cut off and counted.
"""

from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.event_types import Post, Profile, Record

# Bytes of UTF-8: maxLength of app.bsky.feed.post#text and app.bsky.actor.profile#description.
TEXT_BYTES: dict[type[Record], int] = {Post: 3000, Profile: 2560}
# maxLength of app.bsky.feed.post#langs, and more than a tag of BCP 47 needs.
LANGS, LANG_BYTES = 3, 64
# More are not held, not even until they are cut: 16 MiB may declare four million.
_LANGS_HELD = 64
# knownValues of com.atproto.sync.subscribeRepos#account, and what servers say of themselves.
_STATUSES = frozenset({"active", "takendown", "suspended", "deleted", "deactivated", "desynchronized", "throttled"})
OTHER_STATUS = "other"


def cut_texts(texts: pa.Array, most: int) -> tuple[pa.Array, int]:
    """Return the texts, each cut at a character before `most` bytes, and how many were cut."""
    if _find_longest(texts) <= most:
        return texts, 0
    cut = [text and text.encode()[:most].decode(errors="ignore") for text in texts.to_pylist()]
    return pa.array(cut, pa.string()), pc.sum(pc.greater(pc.binary_length(texts), most)).as_py()


def cut_langs(langs: pa.Array) -> tuple[pa.Array, int]:
    """Return the declarations, each cut to `LANGS` tags of at most `LANG_BYTES`, and how many were cut."""
    if _find_longest(langs) <= LANGS and _find_longest(langs.values) <= LANG_BYTES:
        return langs, 0
    declared = langs.to_pylist()
    kept = [tags and [tag for tag in tags if _is_short(tag)][:LANGS] for tags in declared]
    return pa.array(kept, langs.type), sum(one != other for one, other in zip(declared, kept, strict=True))


def drop_langs(post: Post) -> None:
    """Drop most of very many languages, so that `cut_langs` makes the same of the others, and counts them as cut."""
    if post.langs is not None and len(post.langs) > _LANGS_HELD:
        kept = list(islice(filter(_is_short, post.langs), LANGS + 1))
        post.langs = kept if len(kept) > LANGS else [*kept, next(tag for tag in post.langs if not _is_short(tag))]


def _is_short(tag: str) -> bool:
    return len(tag.encode()) <= LANG_BYTES


def _find_longest(column: pa.StringArray | pa.ListArray) -> int:
    """Return the greatest length, in bytes or items; in half of the time of pyarrow's functions on 512 rows."""
    if not len(column):
        return 0
    ends = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return int(np.diff(ends).max())


def bound_status(status: str | None) -> str | None:
    """Return an account's status, or `OTHER_STATUS` for one that is not known: anyone's server may make some up."""
    return status if status is None or status in _STATUSES else OTHER_STATUS
