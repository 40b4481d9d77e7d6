"""Remove personal data from texts, and read lines whose acts' own texts are as they are released."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets.assets.dataset.line_batches import LineBatch, read_line_batches
from persona_assets.assets.dataset.message_store import Cleaner, MessageStore
from persona_assets.personal_data import replace_personal_data

_MAX_ROUNDS = 4


def remove_personal_data(texts: list[str | None]) -> tuple[list[str | None], dict[str, int]]:
    """Replace personal data in texts by placeholders; also return the number of placeholders by kind."""
    counts = Counter[str]()
    # Where something was replaced, what is left can be found anew: once more, until nothing is.
    pending = list(range(len(texts)))
    texts = list(texts)
    for _ in range(_MAX_ROUNDS):
        removed = replace_personal_data([texts[place] for place in pending])
        counts.update(removed.counts)
        changed = [(place, text) for place, text in zip(pending, removed.texts, strict=True) if text != texts[place]]
        for place, text in changed:
            texts[place] = text
        pending = [place for place, _ in changed]
        if not pending:
            break
    return texts, {kind: count for kind, count in counts.items() if count}


def keep_texts(texts: list[str | None]) -> tuple[list[str | None], dict[str, int]]:
    """Return the texts unchanged and no counts: the `Cleaner` that does nothing."""
    return texts, {}


class CleanedLines(NamedTuple):
    """Lines whose texts of quotes and replies are cleaned for release, with the store of the messages they show."""

    lines: pads.Dataset
    store: MessageStore
    clean: Cleaner
    personal_data: Counter[str]

    def read_and_clean(self) -> Iterator[LineBatch]:
        """Read all lines, and yield batches with cleaned texts; each call cleans and counts `personal_data` anew."""
        self.personal_data.clear()
        for batch in read_line_batches(self.lines, self.store):
            texts = batch.texts
            if texts.null_count < len(texts):
                written, counts = self.clean(texts.to_pylist())
                self.personal_data.update(counts)
                texts = pa.array([text or None for text in written], pa.string())
            yield batch._replace(texts=texts)
