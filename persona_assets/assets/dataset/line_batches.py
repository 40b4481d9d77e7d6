"""Read the index of lines in batches, each of one cluster, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.dataset.message_store import MessageStore
from persona_assets.errors import StorageError

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# The texts of acts are read from MessageStore, as they are released.
_COLUMNS = ["cluster_id", "line_number", "user_id", "action", "event_time_us", "uri", "messages"]
# Lines that are assembled together: their texts stay in the processor's cache, and fill a row group.
LINES_PER_BATCH = 16_384
_CONVERSATIONS = ("post", "reply", "quote")


class LineBatch(NamedTuple):
    """Lines of one cluster, in the order of its file, with the messages that they show in flat arrays."""

    cluster_id: int
    line_ids: Int64Array  # (n,)
    authors: Int32Array  # (n,) number of the user in MessageStore.users
    acts: pa.StringArray  # (n,) what the user did
    is_conversation: npt.NDArray[np.bool_]  # (n,) whether the last message is the user's own
    times: Int64Array  # (n,) microseconds since 1970
    uris: pa.StringArray  # (n,) of the record of the act, null for none
    own_texts: Int64Array  # (n,) number of the act's own text in MessageStore.texts, -1 for none
    texts: pa.StringArray  # (n,) the act's own text as it is released, null for none
    offsets: Int32Array  # (n + 1,) where the messages of each line begin in `messages`
    messages: Int32Array  # numbers of messages

    @property
    def size(self) -> int:
        """Number of lines in this batch."""
        return len(self.line_ids)

    @property
    def rows(self) -> Int64Array:
        """For each message, the row of its line in this batch."""
        return np.repeat(np.arange(self.size), np.diff(self.offsets))

    def select(self, is_kept: npt.NDArray[np.bool_]) -> LineBatch:
        """Return a batch of those lines for which `is_kept` is True."""
        kept, sizes = pa.array(is_kept), np.diff(self.offsets)
        return LineBatch(
            self.cluster_id,
            self.line_ids[is_kept],
            self.authors[is_kept],
            self.acts.filter(kept),
            self.is_conversation[is_kept],
            self.times[is_kept],
            self.uris.filter(kept),
            self.own_texts[is_kept],
            self.texts.filter(kept),
            np.append(0, np.cumsum(sizes[is_kept])).astype(np.int32),
            self.messages[np.repeat(is_kept, sizes)],
        )


def find_first_line_ids(lines: pads.Dataset) -> dict[int, int]:
    """Return the id of the first line of each cluster; ids run through the files of all clusters."""
    starts: dict[int, int] = {}
    first = 0
    for batch in lines.to_batches(columns=["cluster_id"]):
        clusters, places = np.unique(batch["cluster_id"].to_numpy(), return_index=True)
        for cluster, place in zip(clusters.tolist(), places.tolist(), strict=True):
            starts.setdefault(cluster, first + place)
        first += batch.num_rows
    return starts


def read_line_batches(lines: pads.Dataset, store: MessageStore) -> Iterator[LineBatch]:
    """Read the index of the lines of `cluster_jsonl`; yield batches of one cluster and at most `LINES_PER_BATCH` lines.

    Args:
        lines: `LINES`, sorted by cluster and place.
        store: Its users have all authors of lines.

    Raises:
        StorageError: Lines are missing, as after an account was forgotten.
    """
    first = 0
    numbers: dict[str, int] = {}
    starts: dict[int, int] = {}
    for batch in lines.to_batches(columns=_COLUMNS, batch_size=LINES_PER_BATCH):
        clusters = batch["cluster_id"].to_numpy()
        bounds = [0, *(1 + np.flatnonzero(np.diff(clusters))).tolist(), len(clusters)]
        for start, end in pairwise(bounds):
            if end > start:
                part = batch.slice(start, end - start)
                _require_all_lines(part, first, starts)
                yield _to_numbers(part, first, store, numbers)
                first += end - start


def _require_all_lines(batch: pa.RecordBatch, first: int, starts: dict[int, int]) -> None:
    cluster = batch["cluster_id"][0].as_py()
    expected = first - starts.setdefault(cluster, first) + np.arange(batch.num_rows)
    if not np.array_equal(batch["line_number"].to_numpy(), expected):
        raise StorageError("the index of cluster_jsonl lacks lines that were removed: materialize cluster_jsonl again")


def _to_numbers(batch: pa.RecordBatch, first: int, store: MessageStore, numbers: dict[str, int]) -> LineBatch:
    users = batch["user_id"].dictionary_encode()
    names = users.dictionary.to_pylist()
    if unknown := [name for name in names if name not in numbers]:
        found = pc.index_in(pa.array(unknown, pa.string()), value_set=store.users).to_pylist()
        numbers.update(zip(unknown, found, strict=True))
    of_names = np.array([numbers[name] for name in names], np.int32)
    lists = batch["messages"]
    offsets = lists.offsets.to_numpy()
    messages = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    uris = batch["uri"]
    acts = batch["action"].cast(pa.string())
    is_message = pc.is_in(acts, value_set=pa.array(_CONVERSATIONS)).to_numpy(zero_copy_only=False)
    has_messages = np.diff(offsets) > 0
    # A quote is a conversation's last message, or the act on the message that it quotes: its own record tells.
    last = np.where(has_messages, messages[np.maximum(offsets[1:] - 1, 0)] if len(messages) else 0, 0)
    own = np.zeros(len(last), bool)
    candidates = np.flatnonzero(is_message & has_messages)
    shown = store.uris.take(pa.array(last[candidates])).cast(pa.string())
    own[candidates] = pc.equal(shown, uris.take(pa.array(candidates))).to_numpy(zero_copy_only=False)
    # The conversation that a quote ends does not show what it quotes.
    is_quote = own & pc.equal(acts, "quote").to_numpy(zero_copy_only=False)
    if is_quote.any():
        acts = pc.if_else(pa.array(is_quote), pa.array(np.where(np.diff(offsets) > 1, "reply", "post")), acts)
    own_texts, texts = _find_own_texts(first, batch.num_rows, store)
    return LineBatch(
        int(batch["cluster_id"][0].as_py()),
        np.arange(first, first + batch.num_rows),
        of_names[users.indices.to_numpy()],
        acts,
        own,
        batch["event_time_us"].to_numpy(),
        uris,
        own_texts,
        texts,
        offsets,
        messages,
    )


def _find_own_texts(first: int, n_lines: int, store: MessageStore) -> tuple[Int64Array, pa.StringArray]:
    """Return the number of the own text of each act, and the text, of `n_lines` lines from line `first`."""
    start, end = np.searchsorted(store.own_lines, [first, first + n_lines]).tolist()
    numbers = np.full(n_lines, -1, np.int64)
    if start == end:
        return numbers, pa.nulls(n_lines, pa.string())
    numbers[store.own_lines[start:end] - first] = len(store.authors) + np.arange(start, end)
    return numbers, store.texts.take(pa.array(numbers, mask=numbers < 0)).cast(pa.string())
