"""Turn pairs of an action and an ignored post into rows of `preference` and `unpaired_preference`."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.acts import render_act
from persona_assets.assets.dataset.forms import COMMON, MESSAGES, PREFERENCE, UNPAIRED_PREFERENCE
from persona_assets.assets.dataset.keyed_hash import derive_number, mix_hashes
from persona_assets.assets.dataset.line_batches import LineBatch
from persona_assets.assets.dataset.message_store import MessageStore
from persona_assets.assets.dataset.pair_acts import find_target_messages

QUESTION = "Which of the two posts do you act on, and how?"
# What the user is asked to prefer over the ignored post in unpaired rows: the most usual act.
LIKE = "like"

_EVIDENCE = ("similarity", "rule", "shown_minutes")


def make_preference_rows(  # noqa: PLR0913 - what rows are made of
    chat: pa.Table, batch: LineBatch, store: MessageStore, pairs: pa.Table, *, acts: str, seed: int
) -> pa.Table:
    """Build rows of `PREFERENCE` (prompt, chosen, rejected), one for each line that is in a pair.

    The prompt has the card of the persona and the two posts. Which post comes first is drawn by a keyed hash of the
    line.

    Args:
        chat: `release_schemas.CHAT` of the lines of `batch`, in their order.
        batch: Lines of one persona.
        store: All messages.
        pairs: `pair_acts.PAIRS`, sorted by `line_id`.
        acts: `json` or `text`.
        seed: Of the order of posts.
    """
    places, found = _match(pairs["line_id"].to_numpy(), batch.line_ids)
    rows, pairs = chat.take(pa.array(found)), pairs.take(pa.array(places))
    texts = [
        store.texts.take(pa.array(numbers)).to_pylist()
        for numbers in (find_target_messages(batch)[found], pairs["ignored_message"].to_numpy())
    ]
    lines = batch.line_ids[found]
    is_second = (mix_hashes(lines.astype(np.uint64), derive_number(seed, "order of posts")) & np.uint64(1)).astype(bool)
    prompts: list[list[dict[str, str]]] = []
    chosen: list[list[dict[str, str]]] = []
    rejected: list[list[dict[str, str]]] = []
    names = rows["act"].to_pylist()
    for card, act, seen, ignored, second in zip(
        pc.list_element(rows["prompt"], 0).to_pylist(), names, *texts, is_second.tolist(), strict=True
    ):
        first, last = (ignored, seen) if second else (seen, ignored)
        question = f"Post 1: {first}\nPost 2: {last}\n{QUESTION}"
        prompts.append([card, {"role": "user", "content": question}])
        chosen.append(_answer(2 if second else 1, act, acts))
        rejected.append(_answer(1 if second else 2, act, acts))
    return pa.Table.from_arrays(
        [
            *(rows[field.name] for field in COMMON),
            *(pa.array(column, MESSAGES) for column in (prompts, chosen, rejected)),
            pairs["ignored_line_id"],
            pa.repeat(pa.scalar(True), len(rows)),  # noqa: FBT003 - a value
            *(pairs[name] for name in _EVIDENCE),
            pairs["apart_minutes"],
        ],
        schema=PREFERENCE,
    )


def make_unpaired_rows(chat: pa.Table, pairs: pa.Table, *, acts: str) -> pa.Table:
    """Build rows of `UNPAIRED_PREFERENCE` (prompt, completion, label), two for each line that is in a pair.

    The user did what the completion of the first one says. The second one's says that it liked the post, which it did
    not: label False.

    Args:
        chat: `release_schemas.CHAT`, lines in any order.
        pairs: `pair_acts.PAIRS`.
        acts: `json` or `text`.
    """
    lines = chat["line_id"].to_numpy()
    order = np.argsort(pairs["ignored_line_id"].to_numpy())
    by_ignored = pairs.take(pa.array(order))
    _, done = _match(pairs["line_id"].to_numpy(), lines)
    places, ignored = _match(by_ignored["ignored_line_id"].to_numpy(), lines)
    like = pa.array([[{"role": "assistant", "content": render_act(LIKE, None, acts=acts)}]], MESSAGES)
    # Rows stay in the order of lines.
    order = np.argsort(np.append(done, ignored), kind="stable")
    n_done, n_ignored = len(done), len(ignored)
    rows = chat.take(pa.array(np.append(done, ignored)))
    completions = pa.concat_arrays(
        [rows["completion"].combine_chunks().slice(0, n_done), like.take(pa.array(np.zeros(n_ignored, np.int64)))]
    )
    evidence = by_ignored.take(pa.array(places)).select(_EVIDENCE)
    label = np.arange(len(rows)) < n_done
    table = pa.Table.from_arrays(
        [
            *(rows[field.name] for field in COMMON),
            rows["prompt"],
            completions,
            pa.array(label),
            pa.array(~label),
            *(
                pa.chunked_array([pa.nulls(n_done, column.type), *column.chunks], column.type)
                for column in evidence.columns
            ),
        ],
        schema=UNPAIRED_PREFERENCE,
    )
    return table.take(pa.array(order))


def _match(
    keys: npt.NDArray[np.int64], lines: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the places of equal values: in `keys`, which are ascending and distinct, and in `lines`."""
    places = np.searchsorted(keys, lines)
    found = np.flatnonzero(places < len(keys))
    found = found[keys[places[found]] == lines[found]]
    return places[found], found


def _answer(post: int, act: str, acts: str) -> list[dict[str, str]]:
    content = json.dumps({"post": post, "actions": {act: True}}) if acts == "json" else f"[{act}] post {post}"
    return [{"role": "assistant", "content": content}]
