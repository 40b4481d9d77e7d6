"""Turn lines into rows of the forms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.chat_turns import ROLES, Chats
from persona_assets.assets.dataset.forms import MESSAGES
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.message_store import MessageStore
from persona_assets.assets.dataset.personas import Persona
from persona_assets.assets.dataset.release_schemas import CHAT, DEHYDRATED, THREAD, THREADS
from persona_assets.common.line_tables import ACTION_KEYS
from persona_assets.common.utc_times import HOUR_US
from persona_assets.pseudonyms import coarsen_instants

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
# Takes, for each user, its number in the store, and the line that it is in as a row of the batch.
Pseudonyms = Callable[[LineBatch, Int32Array, Int64Array], pa.StringArray]

_SECOND_US = 1_000_000


class Origin(NamedTuple):
    """The day of a data set and the first day of its window, which every row has as columns."""

    day: dt.date
    window_from: dt.date


def make_chat_rows(  # noqa: PLR0913, PLR0917 - what a row is made of
    batch: LineBatch, chats: Chats, splits: pa.StringArray, persona: Persona, origin: Origin, pseudonyms: Pseudonyms
) -> pa.Table:
    """Build rows of the form `chat` (messages, prompt and completion) from the kept lines of a batch."""
    hours = coarsen_instants(batch.times, HOUR_US) // 1000
    roles = pa.DictionaryArray.from_arrays(pa.array(chats.roles), pa.array(ROLES)).cast(pa.string())
    turns = pa.StructArray.from_arrays([roles, chats.contents], fields=list(MESSAGES.value_type))
    ends = chats.offsets[1:] - 1
    is_last = np.zeros(len(chats.roles), bool)
    is_last[ends] = True
    before = pa.array(chats.offsets - np.arange(len(chats.offsets), dtype=np.int32))
    one_each = pa.array(np.arange(len(ends) + 1, dtype=np.int32))
    return pa.Table.from_arrays(
        [
            *_common(batch, splits, persona, origin),
            pseudonyms(batch, batch.authors, np.arange(batch.size)),
            pa.array(hours).cast(pa.timestamp("ms", "UTC")),
            pa.array(chats.tokens),
            pa.array(chats.left_out),
            pa.ListArray.from_arrays(pa.array(chats.offsets), turns, type=MESSAGES),
            pa.ListArray.from_arrays(before, turns.filter(pa.array(~is_last)), type=MESSAGES),
            pa.ListArray.from_arrays(one_each, turns.filter(pa.array(is_last)), type=MESSAGES),
        ],
        schema=CHAT,
    )


def make_thread_rows(  # noqa: PLR0913, PLR0917 - what a row is made of
    batch: LineBatch,
    store: MessageStore,
    splits: pa.StringArray,
    persona: Persona,
    origin: Origin,
    pseudonyms: Pseudonyms,
) -> pa.Table:
    """Build rows of the table `THREADS`: the messages of each line, the user's act last, as in BluePrint."""
    acting = np.flatnonzero(~batch.is_conversation)
    lines = np.append(batch.rows, acting)
    order = np.argsort(lines, kind="stable")
    n_messages = len(batch.messages)
    users = np.append(store.authors[batch.messages], batch.authors[acting])[order]
    times = np.append(store.times[batch.messages], batch.times[acting])[order]
    texts = pa.concat_arrays(
        [store.texts.take(pa.array(batch.messages)).cast(pa.string()), batch.texts.take(pa.array(acting))]
    )
    texts = texts.take(pa.array(order))
    kinds = np.full(len(lines), -1)
    kinds[n_messages:] = pc.index_in(batch.acts.take(pa.array(acting)), value_set=pa.array(ACTION_KEYS)).to_numpy()
    kinds, lines = kinds[order], lines[order]
    # Forged times may lie before that of the first message.
    starts = np.full(batch.size, np.iinfo(np.int64).max)
    np.minimum.at(starts, lines, times)
    fields = list(THREAD.value_type)
    actions = pa.StructArray.from_arrays(
        [pa.array(kinds == kind) for kind in range(len(ACTION_KEYS))],
        fields=list(fields[-1].type),
        mask=pa.array(kinds < 0),
    )
    messages = pa.StructArray.from_arrays(
        [
            pseudonyms(batch, users, lines),
            pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts),
            pa.array((times - starts[lines]) // _SECOND_US),
            actions,
        ],
        fields=fields,
    )
    offsets = np.append(0, np.cumsum(np.bincount(lines, minlength=batch.size))).astype(np.int32)
    return pa.Table.from_arrays(
        [
            *_common(batch, splits, persona, origin),
            pa.array(np.full(batch.size, batch.cluster_id, np.int32)),
            pa.ListArray.from_arrays(pa.array(offsets), messages, type=THREAD),
        ],
        schema=THREADS,
    )


def make_dehydrated_rows(
    batch: LineBatch, store: MessageStore, splits: pa.StringArray, persona: Persona, origin: Origin
) -> pa.Table:
    """Build rows of the table `DEHYDRATED`: the URIs of each line's records, without any text."""
    return pa.Table.from_arrays(
        [
            *_common(batch, splits, persona, origin),
            batch.uris,
            pa.ListArray.from_arrays(
                pa.array(batch.offsets), store.uris.take(pa.array(batch.messages)).cast(pa.string())
            ),
            store.users.take(pa.array(batch.authors)),
        ],
        schema=DEHYDRATED,
    )


def _common(batch: LineBatch, splits: pa.StringArray, persona: Persona, origin: Origin) -> Sequence[pa.Array]:
    n = batch.size
    return [
        pa.repeat(pa.scalar(persona.key), n),
        pa.repeat(pa.scalar(persona.name), n),
        pa.array(batch.line_ids),
        splits,
        pa.repeat(pa.scalar(origin.day, pa.date32()), n),
        pa.repeat(pa.scalar(origin.window_from, pa.date32()), n),
        batch.acts,
    ]
