"""Read the rows of `next_action`, and files of predictions for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.errors import EvaluationError

BoolArray = npt.NDArray[np.bool_]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# Longer texts are cut, of contexts at their beginning: what was said last counts most.
MAX_TEXT_CHARACTERS = 4000
_NEEDED = ("persona", "line_id", "split", "context", "action", "text", "frequent")
# Value of the column `task` in rows that ask for an action. The others ask for a text only.
_ACTION_TASK = "action"


class Rows(NamedTuple):
    """Rows of the form `next_action` as arrays: personas, contexts, and what the users did and wrote."""

    line_ids: Int64Array  # (n,), distinct
    personas: npt.NDArray[np.str_]  # (n,)
    contexts: list[str]  # n, the messages before the act without the card, one a line
    actions: npt.NDArray[np.str_]  # (n,)
    texts: list[str | None]  # n, what the user wrote with the act
    asks_for_action: BoolArray  # (n,), False in rows that ask for a text alone
    frequent: BoolArray  # (n,), whether the act is one of the frequent ones
    hours: Int32Array | None  # (n,), hours since 1970 (UTC); None if the data set has no time

    def take(self, at: Int64Array) -> Rows:
        """Return the rows at these positions."""
        return Rows(
            self.line_ids[at],
            self.personas[at],
            [self.contexts[place] for place in at],
            self.actions[at],
            [self.texts[place] for place in at],
            self.asks_for_action[at],
            self.frequent[at],
            None if self.hours is None else self.hours[at],
        )


class Predictions(NamedTuple):
    """A model's predicted act and text for each row, with the numbers of missing and unknown ones."""

    actions: npt.NDArray[np.str_]  # (n,), empty where there is no prediction
    texts: list[str | None]  # n
    missing: int = 0  # rows without a prediction
    unknown: int = 0  # predictions of no row
    # Predictions for the same rows as if they were of another persona, by that persona.
    as_persona: Mapping[str, npt.NDArray[np.str_]] | None = None


class _Line(msgspec.Struct):
    line_id: int
    action: str | None = None
    text: str | None = None
    as_persona: str | int | None = None


def read_next_action_splits(folder: Path) -> dict[str, Rows]:
    """Read the rows of `next_action` from the folder of a data set; return them by split.

    Raises:
        EvaluationError: There are none, a column is missing, or a line is in two rows.
    """
    files = sorted(str(file) for file in folder.glob("**/*.parquet") if "next_action" in file.parts)
    if not files:
        raise EvaluationError(f"{folder} has no rows of next_action: make a data set with this form")
    dataset = pads.dataset(files, format="parquet")
    if lacking := [name for name in _NEEDED if name not in dataset.schema.names]:
        raise EvaluationError(f"next_action in {folder} lacks {', '.join(lacking)}: make the data set again")
    optional = [name for name in ("task", "time") if name in dataset.schema.names]
    table = dataset.to_table(columns=[*_NEEDED, *optional]).sort_by("line_id")
    if pc.count_distinct(table["line_id"]).as_py() != len(table):
        raise EvaluationError(f"next_action in {folder} has several rows of one line_id: make the data set again")
    splits = sorted(set(table["split"].to_pylist()))
    return {split: to_rows(table.filter(pc.equal(table["split"], split))) for split in splits}


def to_rows(table: pa.Table) -> Rows:
    """Convert a table with the columns of `next_action` to arrays; `task` and `time` may be missing."""
    contexts = [_join(messages) for messages in table["context"].to_pylist()]
    texts = [None if not text else text[:MAX_TEXT_CHARACTERS] for text in table["text"].to_pylist()]
    tasks = table["task"].to_pylist() if "task" in table.column_names else [_ACTION_TASK] * len(table)
    hours = None
    if "time" in table.column_names:
        seconds = pc.cast(table["time"], pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
        hours = (seconds.to_numpy() // 3600).astype(np.int32)
    return Rows(
        table["line_id"].to_numpy(),
        np.array([f"{persona}" for persona in table["persona"].to_pylist()], np.str_),
        contexts,
        np.array(table["action"].to_pylist(), np.str_),
        texts,
        np.array([task == _ACTION_TASK for task in tasks], bool),
        np.array([bool(frequent) for frequent in table["frequent"].to_pylist()], bool),
        hours,
    )


def _join(messages: list[dict[str, str | None]]) -> str:
    """Return the contents without the system's card, which is the same for all rows of a persona."""
    contents = (message["content"] or "" for message in messages if message["role"] != "system")
    return "\n".join(contents)[-MAX_TEXT_CHARACTERS:]


def read_predictions(file: Path, rows: Rows) -> Predictions:
    """Read predictions from a JSONL or Parquet file, and bring them into the order of `rows`.

    Each line of the file has `line_id` and `action`, and may have `text`. With `as_persona` it is a prediction for that
    row as if the user were of this persona, from which diagonality is measured.

    Raises:
        EvaluationError: The file is missing, a line of it cannot be read, or a line_id is in it twice.
    """
    place = {int(line): at for at, line in enumerate(rows.line_ids)}
    actions: list[str] = [""] * len(place)
    texts: list[str | None] = [None] * len(place)
    others: dict[str, list[str]] = {}
    seen: set[tuple[int, str | None]] = set()
    unknown = 0
    for line in _read_lines(file):
        persona = None if line.as_persona is None else f"{line.as_persona}"
        at = place.get(line.line_id)
        if at is None:
            unknown += 1
            continue
        if (at, persona) in seen:
            raise EvaluationError(f"{file} has two predictions for one line_id: leave one of them out")
        seen.add((at, persona))
        if persona is None:
            actions[at], texts[at] = line.action or "", (line.text or "")[:MAX_TEXT_CHARACTERS] or None
        else:
            others.setdefault(persona, [""] * len(place))[at] = line.action or ""
    given = {at for at, persona in seen if persona is None}
    return Predictions(
        np.array(actions, np.str_),
        texts,
        missing=len(place) - len(given),
        unknown=unknown,
        as_persona={name: np.array(values, np.str_) for name, values in others.items()} or None,
    )


def _read_lines(file: Path) -> Iterable[_Line]:
    if not file.is_file():
        raise EvaluationError(f"{file} does not exist: name a file of predictions, JSONL or Parquet")
    if file.suffix == ".parquet":
        names = [name for name in pads.dataset(file).schema.names if name in _Line.__struct_fields__]
        yield from (_convert(file, row) for row in pads.dataset(file).to_table(columns=names).to_pylist())
        return
    decoder = msgspec.json.Decoder(_Line)
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise EvaluationError(f"{file}, line {number}, is no object with line_id and action") from error


def _convert(file: Path, row: dict[str, object]) -> _Line:
    try:
        return msgspec.convert(row, _Line)
    except msgspec.ValidationError as error:
        raise EvaluationError(f"{file} needs the columns line_id (whole numbers) and action (text)") from error
