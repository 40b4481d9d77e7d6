"""Turn rows of `chat` into rows of `next_action`: what did the user do next?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.forms import (
    ACTION_TASK,
    COMMON,
    FREQUENT_ACTIONS,
    NEXT_ACTION,
    NEXT_ACTIONS,
    REPLY_TASK,
)
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.message_store import MessageStore

# Why `next_action` lacks a line that `chat` has.
FIRST_POST = "post that answers nothing"
ESTIMATED = "estimated to be ignored"

_REPLY = "reply"


class NextActions(NamedTuple):
    """Result of `make_next_action_rows`: the rows, and the number of lines that give none, by reason."""

    rows: pa.Table
    left_out: dict[str, int]


def find_own_texts(batch: LineBatch, store: MessageStore) -> pa.StringArray:
    """Return the text of the act that each line ends with: string `(n,)`, null for an act without a text."""
    written = batch.texts
    ends = np.flatnonzero(batch.is_conversation)
    if len(ends):
        last = pa.array(batch.messages[batch.offsets[1:][ends] - 1])
        texts = pa.concat_arrays([written, store.texts.take(last).cast(pa.string())])
        source = np.arange(batch.size)
        source[ends] = batch.size + np.arange(len(ends))
        written = texts.take(pa.array(source))
    return pc.if_else(pc.equal(written, ""), pa.scalar(None, pa.string()), written)


def make_next_action_rows(chat: pa.Table, own_texts: pa.StringArray) -> NextActions:
    """Build rows of `NEXT_ACTION` from the chats that end with a reply or one of the twelve actions.

    Args:
        chat: `release_schemas.CHAT`.
        own_texts: `(n,)` as `find_own_texts` returns them.
    """
    acts = chat["act"].combine_chunks()
    is_action = pc.is_in(acts, value_set=pa.array(NEXT_ACTIONS))
    is_reply = pc.equal(acts, _REPLY)
    asked = pc.or_(is_action, is_reply)
    left_out = {
        FIRST_POST: pc.sum(pc.equal(acts, "post")).as_py() or 0,
        ESTIMATED: pc.sum(pc.equal(acts, "ignore")).as_py() or 0,
    }
    chat, own_texts, is_action = chat.filter(asked), own_texts.filter(asked), is_action.filter(asked)
    acts = acts.filter(asked)
    n_candidates = np.where(is_action.to_numpy(zero_copy_only=False), len(NEXT_ACTIONS), 1)
    offsets = np.append(0, np.cumsum(n_candidates)).astype(np.int32)
    # The place of each candidate in its row, which is its place in the list of the twelve, and after them the reply.
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], n_candidates)
    place[np.repeat(n_candidates == 1, n_candidates)] = len(NEXT_ACTIONS)
    candidates = pa.ListArray.from_arrays(pa.array(offsets), pa.array([*NEXT_ACTIONS, _REPLY]).take(pa.array(place)))
    frequent = pc.is_in(acts, value_set=pa.array(FREQUENT_ACTIONS))
    rows = pa.Table.from_arrays(
        [
            *(chat[field.name] for field in COMMON),
            chat["time"],
            pc.if_else(is_action, ACTION_TASK, REPLY_TASK),
            chat["prompt"],
            candidates,
            acts,
            own_texts,
            pc.if_else(is_action, frequent, pa.scalar(None, pa.bool_())),
        ],
        schema=NEXT_ACTION,
    )
    return NextActions(rows, {reason: number for reason, number in left_out.items() if number})
