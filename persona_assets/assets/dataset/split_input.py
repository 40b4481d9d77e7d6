"""Tell a split what it needs to know of each line, and drop the lines that cannot be released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.distinct_values import STRINGS
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.line_graph import LINES
from persona_assets.assets.dataset.message_store import MessageStore
from persona_assets.assets.dataset.personas import Persona

Int64Array = npt.NDArray[np.int64]

REFUSED = "account that is left out"
DELETED_MESSAGE = "message deleted since"
DELETED_ACT = "record of the act deleted since"
WITHOUT_TEXT = "message of the user without text"


class Refusals(NamedTuple):
    """The accounts that are left out of a data set, and the reason for each, by the user's number."""

    reasons: list[str]
    of_user: npt.NDArray[np.int16]  # (n_users,) place in `reasons` of each user of the store, or -1

    def find(self, batch: LineBatch, store: MessageStore) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
        """Yield each reason with a mask of the lines that involve an account left out for it."""
        rows, of_messages = batch.rows, self.of_user[store.authors[batch.messages]]
        for place, reason in enumerate(self.reasons):
            has = np.bincount(rows, of_messages == place, minlength=batch.size) > 0
            yield f"{REFUSED}: {reason}", has | (self.of_user[batch.authors] == place)


def build_refusals(left_out: pa.Table | None, store: MessageStore) -> Refusals | None:
    """Build `Refusals` from a table of `user_id` and `reason`; None without a table."""
    if left_out is None:
        return None
    reasons = sorted(pc.unique(left_out["reason"]).to_pylist())
    found = pc.index_in(store.users, value_set=left_out["user_id"].combine_chunks().cast(pa.string()))
    places = pc.index_in(left_out["reason"].cast(pa.string()), value_set=pa.array(reasons, pa.string()))
    of_user = pc.fill_null(places.take(found), -1)
    return Refusals(reasons, of_user.to_numpy().astype(np.int16))


class LineFilter(NamedTuple):
    """Decides which lines can be released, and counts the others by reason."""

    deleted_acts: Int64Array  # line ids, ascending
    dropped: Counter[str]
    refusals: Refusals | None = None

    def mask_releasable(self, batch: LineBatch, store: MessageStore) -> npt.NDArray[np.bool_]:
        """Return which lines of a batch can be released, bool `(n,)`, and count the others.

        Of several reasons the first one counts.
        """
        rows = batch.rows
        has_deleted = np.bincount(rows, store.is_deleted[batch.messages], minlength=batch.size) > 0
        act_is_deleted = np.isin(batch.line_ids, self.deleted_acts, assume_unique=True)
        # The last message of a conversation is what the user is to be imitated in.
        is_blank = np.zeros(batch.size, bool)
        ends = batch.offsets[1:][batch.is_conversation] - 1
        is_blank[batch.is_conversation] = ~store.has_text[batch.messages[ends]]
        stays = np.ones(batch.size, bool)
        for reason, applies in (
            *(self.refusals.find(batch, store) if self.refusals else ()),
            (DELETED_MESSAGE, has_deleted),
            (DELETED_ACT, act_is_deleted),
            (WITHOUT_TEXT, is_blank),
        ):
            self.dropped[reason] += int((stays & applies).sum())
            stays &= ~applies
        return stays


def read_split_input(
    batches: Iterable[LineBatch], store: MessageStore, personas: dict[int, Persona], chosen: LineFilter
) -> Iterator[pa.RecordBatch]:
    """Yield the users, threads, texts and times of each line that can be released, as `line_graph.LINES`.

    Texts are as they are released, without personal data. The strings of all batches are places in the same three
    dictionaries.

    Args:
        batches: All lines.
        store: The messages.
        personas: By cluster.
        chosen: Counts the lines that it drops.
    """
    dictionaries = (store.users.cast(pa.large_string()), store.threads, store.texts)
    for batch in batches:
        kept = batch.select(chosen.mask_releasable(batch, store))
        if kept.size:
            yield _describe(kept, store, personas[kept.cluster_id].number, dictionaries)


def _describe(
    batch: LineBatch, store: MessageStore, persona: int, dictionaries: tuple[pa.LargeStringArray, ...]
) -> pa.RecordBatch:
    rows, messages = batch.rows, batch.messages
    everyone = np.arange(batch.size)
    quoted = store.quoted[messages]
    has_own = batch.own_texts >= 0
    users, threads, texts = (
        _group(parts, batch.size, dictionary)
        for parts, dictionary in zip(
            (
                [(everyone, batch.authors), (rows, store.authors[messages])],
                [(rows, store.roots[messages]), (rows[quoted >= 0], quoted[quoted >= 0])],
                [(rows, messages), (everyone[has_own], batch.own_texts[has_own])],
            ),
            dictionaries,
            strict=True,
        )
    )
    first, last = batch.times.copy(), batch.times.copy()
    np.minimum.at(first, rows, store.times[messages])
    np.maximum.at(last, rows, store.times[messages])
    numbers = np.full(batch.size, persona, np.int32)
    return pa.record_batch(
        [pa.array(batch.line_ids), pa.array(numbers), users, threads, texts, pa.array(first), pa.array(last)],
        LINES,
    )


def _group(
    parts: Sequence[tuple[Int64Array, npt.NDArray[np.integer]]], n_lines: int, dictionary: pa.LargeStringArray
) -> pa.ListArray:
    """Return the values of each line as a list, those of the first part first.

    Args:
        parts: The line of each value, ascending, and its place in the dictionary.
        n_lines: Number of lists.
        dictionary: All values.
    """
    lines = np.concatenate([rows for rows, _ in parts])
    places = np.concatenate([places for _, places in parts]).astype(np.int32)
    if any(len(rows) for rows, _ in parts[1:]):
        places = places[np.argsort(lines, kind="stable")]
    offsets = np.append(0, np.cumsum(np.bincount(lines, minlength=n_lines))).astype(np.int32)
    values = pa.DictionaryArray.from_arrays(pa.array(places), dictionary, safe=False)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=STRINGS)
