"""Truncate texts and language lists to the limits of their lexicons: a record may be as large as 1 MiB.

Bluesky's own servers reject records over the limits, other servers do not. The event is kept, because the record exists
and others may reply to it. What exceeds a limit is cut off and counted.
"""

from collections.abc import Sequence
from itertools import islice

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.raw_events.event_types import (
    ConsentRecord,
    PostRecord,
    ProfileRecord,
    SelfLabel,
    SelfLabels,
    TypedRecord,
    is_absent_or_null,
)
from persona_assets.common.lexicon import CONSENT_LABELS

# In bytes of UTF-8: maxLength of app.bsky.feed.post#text and app.bsky.actor.profile#description.
MAX_TEXT_BYTES: dict[type[TypedRecord], int] = {PostRecord: 3000, ProfileRecord: 2560}
# Number of languages: maxLength of app.bsky.feed.post#langs. Bytes of a language: more than a BCP 47 tag needs.
MAX_LANGS, MAX_LANG_BYTES = 3, 64
# Longer lists are shortened as soon as they are decoded: a line of 16 MiB may declare four million languages.
_MAX_LANGS_IN_MEMORY = 64
# maxLength of com.atproto.label.defs#selfLabels and of the value of a label, in bytes.
MAX_LABELS, MAX_LABEL_BYTES = 10, 128
# Stands for labels that were removed, so that they are counted: a label that is too long.
_REMOVED_LABEL = SelfLabel("-" * (MAX_LABEL_BYTES + 1))
INVALID_LABELS = SelfLabels([_REMOVED_LABEL])  # of a profile whose labels are of another form
# A declaration has a few fields and dates; a longer record is something else.
MAX_CONSENT_BYTES = 8192
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
    """Truncate each list of languages to its first `MAX_LANGS` short tags; return the lists and the number changed.

    Tags of more than `MAX_LANG_BYTES` bytes are removed first.
    """
    if _max_length(langs) <= MAX_LANGS and _max_length(langs.values) <= MAX_LANG_BYTES:
        return langs, 0
    declared = langs.to_pylist()
    kept = [tags and [tag for tag in tags if _is_short(tag)][:MAX_LANGS] for tags in declared]
    return pa.array(kept, langs.type), sum(one != other for one, other in zip(declared, kept, strict=True))


def shorten_long_langs(post: PostRecord) -> None:
    """Shorten a post's list of more than 64 languages in place; `truncate_langs` returns the same for it."""
    if post.langs is not None and len(post.langs) > _MAX_LANGS_IN_MEMORY:
        kept = list(islice(filter(_is_short, post.langs), MAX_LANGS + 1))
        post.langs = kept if len(kept) > MAX_LANGS else [*kept, next(tag for tag in post.langs if not _is_short(tag))]


def select_self_labels(labels: Sequence[SelfLabel]) -> tuple[list[str], bool]:
    """Return the self-labels within the lexicon's limits of number and length, and whether any was removed.

    Labels of more than `MAX_LABEL_BYTES` bytes are removed. Of more than `MAX_LABELS`, those of `CONSENT_LABELS` are
    kept before the others, so that no refusal is lost behind a long list.
    """
    found = [label.val for label in labels]
    kept = [label for label in found if len(label.encode()) <= MAX_LABEL_BYTES]
    if len(kept) > MAX_LABELS:
        kept = [*dict.fromkeys(label for label in kept if label in CONSENT_LABELS), *kept]
    kept = kept[:MAX_LABELS]
    return kept, kept != found


def shorten_long_labels(profile: ProfileRecord) -> None:
    """Shorten a profile's list of more than 64 labels in place; `select_self_labels` returns the same for it."""
    values = profile.labels and profile.labels.values
    if values and len(values) > _MAX_LANGS_IN_MEMORY:
        kept, _ = select_self_labels(values)
        profile.labels.values = [*map(SelfLabel, kept), _REMOVED_LABEL]  # pyright: ignore[reportOptionalMemberAccess] - it has values


def parse_consent_record(raw: msgspec.Raw) -> ConsentRecord:
    """Parse a record in which an account says what its data may be used for, to JSON with sorted keys.

    A record of more than `MAX_CONSENT_BYTES` bytes, and one that is absent or no JSON, have none: part of a
    declaration could mean the opposite of the whole.

    Args:
        raw: The record: valid JSON, or absent.
    """
    if is_absent_or_null(raw):
        return ConsentRecord()
    try:
        written = msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
    except (msgspec.DecodeError, RecursionError):
        return ConsentRecord()
    return ConsentRecord(json=written.decode() if len(written) <= MAX_CONSENT_BYTES else None)


def _is_short(tag: str) -> bool:
    return len(tag.encode()) <= MAX_LANG_BYTES


def _max_length(column: pa.StringArray | pa.ListArray) -> int:
    """Return the maximum length in bytes or items; on 512 rows in half the time of pyarrow's functions."""
    if not len(column):
        return 0
    ends = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    return int(np.diff(ends).max())


def replace_unknown_status(status: str | None) -> str | None:
    """Return an account's status if it is a known one, else `OTHER_STATUS`; None stays None."""
    return status if status is None or status in _STATUSES else OTHER_STATUS
