"""Convert decoded records to columns of `tables.RAW_EVENTS`, within the limits of their lexicons."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from persona_assets.assets.raw_events.event_types import (
    BlockRecord,
    ConsentRecord,
    FollowRecord,
    LikeRecord,
    PostRecord,
    ProfileRecord,
    RecordEmbed,
    RepostRecord,
    TypedRecord,
)
from persona_assets.assets.raw_events.lexicon_limits import (
    MAX_TEXT_BYTES,
    select_self_labels,
    truncate_langs,
    truncate_texts,
)
from persona_assets.common.lexicon import QUOTING_EMBEDS
from persona_assets.tables import RAW_EVENTS

RecordColumns = dict[str, pa.Array]  # by column name of RAW_EVENTS, without columns that are null in all rows


def make_record_columns(records: Sequence[TypedRecord], shape: type[TypedRecord]) -> tuple[RecordColumns, Counter[str]]:
    """Convert records of one type to the columns that they fill; also return how many exceeded each limit.

    Args:
        records: Records of the type `shape`, not empty.
        shape: One of the types of `event_types.RECORD_TYPES`, or `ConsentRecord`.

    Returns:
        The columns, and numbers of rows: `texts`, `langs` and `labels` that were truncated, `consents` without JSON.
    """
    values, cuts = _COLUMN_FUNCTIONS[shape](records)
    arrays = {name: pa.array(column, RAW_EVENTS.field(name).type) for name, column in values.items()}
    if "text" in arrays:
        arrays["text"], cuts["texts"] = truncate_texts(arrays["text"], MAX_TEXT_BYTES[shape])
    if "langs" in arrays:
        arrays["langs"], cuts["langs"] = truncate_langs(arrays["langs"])
    return arrays, cuts


_Values = tuple[dict[str, list[Any]], Counter[str]]


def _post_columns(posts: Sequence[Any]) -> _Values:
    replies = [post.reply for post in posts]
    return {
        "text": [post.text for post in posts],
        "langs": [post.langs for post in posts],
        "parent_uri": [reply and reply.parent and (reply.parent.uri or None) for reply in replies],
        "root_uri": [reply and reply.root and (reply.root.uri or None) for reply in replies],
        "quoted_uri": [post.embed and _quoted_uri(post.embed) for post in posts],
    }, Counter()


def _quoted_uri(embed: RecordEmbed) -> str | None:
    if embed.type not in QUOTING_EMBEDS or embed.record is None:
        return None
    return embed.record.uri or (embed.record.record and embed.record.record.uri) or None  # an empty URI is no quote


def _subject_record_columns(records: Sequence[Any]) -> _Values:
    return {"subject_uri": [record.subject.uri for record in records]}, Counter()


def _subject_account_columns(records: Sequence[Any]) -> _Values:
    return {"subject_did": [record.subject for record in records]}, Counter()


def _profile_columns(records: Sequence[Any]) -> _Values:
    columns: dict[str, list[Any]] = {"text": [record.description for record in records]}
    found = [record.labels and record.labels.values for record in records]
    if found.count(None) == len(found):
        return columns, Counter()
    selected = [(None, False) if values is None else select_self_labels(values) for values in found]
    columns["self_labels"] = [labels for labels, _ in selected]
    return columns, Counter(labels=sum(is_cut for _, is_cut in selected))


def _consent_columns(records: Sequence[Any]) -> _Values:
    texts = [record.json for record in records]
    return {"preference_json": texts}, Counter(consents=texts.count(None))


_COLUMN_FUNCTIONS: dict[type[TypedRecord], Callable[[Sequence[Any]], _Values]] = {
    PostRecord: _post_columns,
    LikeRecord: _subject_record_columns,
    RepostRecord: _subject_record_columns,
    FollowRecord: _subject_account_columns,
    BlockRecord: _subject_account_columns,
    ProfileRecord: _profile_columns,
    ConsentRecord: _consent_columns,
}
