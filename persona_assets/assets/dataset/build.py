"""Make the folder of a data set: read lines, split them, write each form, and describe it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.assets.dataset.chat_turns import ChatOptions, assemble_chats
from persona_assets.assets.dataset.clean_texts import keep_texts, remove_personal_data
from persona_assets.assets.dataset.form_rows import (
    Origin,
    make_chat_rows,
    make_dehydrated_rows,
    make_thread_rows,
)
from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.line_batches import LineBatch, find_first_line_ids, read_line_batches
from persona_assets.assets.dataset.message_store import MessageStore, find_deleted_acts, load_messages
from persona_assets.assets.dataset.next_action_rows import find_own_texts, make_next_action_rows
from persona_assets.assets.dataset.pair_acts import pair_acts
from persona_assets.assets.dataset.personas import Persona, build_system_message
from persona_assets.assets.dataset.preference_rows import make_preference_rows, make_unpaired_rows
from persona_assets.assets.dataset.release_schemas import FORMS, PAIRED_FORMS
from persona_assets.assets.dataset.split_input import LineFilter, build_refusals, read_split_input
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.splits import LineSplits, split_lines
from persona_assets.assets.dataset.user_names import build_user_namer
from persona_assets.assets.dataset.write_shards import PersonaWriters, Shard
from persona_assets.common.database import create_dataset_view, open_duckdb, parse_bytes, require_memory
from persona_assets.common.freed_memory import return_freed_memory
from persona_assets.common.progress import phase
from persona_assets.consent.left_out import LeftOut
from persona_assets.pseudonyms import PseudonymKey, Scope

# Why `chat` lacks a line that other forms have.
TOO_LONG = "longer than the limit of tokens"

NO_POSTS = pa.array([], pa.string())
# In memory beside DuckDB: columns of `MessageStore` and positions in its files, and the splits of lines as the step and
# the gate have them.
BYTES_PER_MESSAGE, BYTES_PER_LINE = 45, 60
# Of the split, which has no database beside it. On a day of 10 million events (3,086,713 lines, 983,801 messages) it
# took 936 MB.
SPLIT_BYTES_PER_MESSAGE, SPLIT_BYTES_PER_LINE = 450, 150
# Of torch, a tokenizer and the default model. With the above they get at most a share of the memory limit, so that a
# low limit is not refused for them.
_BYTES_OF_MODEL, _SHARE_WITH_MODEL = 400_000_000, 0.6

_SplitNumbers = npt.NDArray[np.int8]


class ReleaseInputs(NamedTuple):
    """Inputs of a data set: lines of `cluster_jsonl`, their messages, actions, personas, and the accounts left out."""

    lines: pads.Dataset  # LINES, sorted by cluster and place
    line_messages: pads.Dataset  # LINE_MESSAGES, sorted by number
    user_actions: pads.Dataset  # tables.USER_ACTIONS of the window
    personas: list[Persona]
    left_out: LeftOut | None = None  # accounts and posts that no line may have
    ignored: pads.Dataset | None = None  # evidence of ignored messages, which forms of pairs need
    knows_consents: bool = True  # whether `left_out` is made from what accounts said, not from deletions alone


class ReleaseOptions(NamedTuple):
    """Options of a data set: forms, maximum tokens, pseudonyms, removal of personal data, and split."""

    forms: tuple[str, ...]
    acts: str  # json or text
    max_tokens: int
    scope: Scope
    key: PseudonymKey | None
    clean: bool  # whether personal data is removed
    split: SplitOptions


class Release(NamedTuple):
    """Result of `build_release`: the shards written, the split of lines, and lines dropped by reason."""

    shards: list[Shard]
    read: int  # lines
    dropped: dict[str, int]  # lines in no form, by reason
    too_long: int  # lines that `chat` alone lacks
    splits: LineSplits
    personal_data: dict[str, int]  # pieces replaced, by kind
    left_out: int  # messages that the limit of tokens left out of chats
    users: int  # users whose lines are in a form
    # Reads anew what the split knew of the lines that could be released; usable as long as the scratch folder is.
    read_split_input: Callable[[], Iterator[pa.RecordBatch]]
    not_asked: dict[str, int]  # lines that `next_action` lacks and `chat` has, by reason
    ignored: dict[str, int]  # lines with an ignored post, by what became of them in forms of pairs


def build_release(  # noqa: PLR0913 - each a choice of the caller's
    inputs: ReleaseInputs,
    options: ReleaseOptions,
    folder: Path,
    *,
    origin: Origin,
    count_tokens: Callable[[pa.Array], npt.NDArray[np.int64]],
    memory_limit: str,
    scratch: Path,
) -> Release:
    """Split the lines of a day's clusters by train, validation and test; write each form as Parquet shards to a folder.

    Memory: `BYTES_PER_MESSAGE`, `BYTES_PER_LINE` and 400 MB for the model are taken from DuckDB's share. The split
    takes `SPLIT_BYTES_PER_MESSAGE` and `SPLIT_BYTES_PER_LINE` while DuckDB is closed.

    Args:
        inputs: The tables of the day and its window.
        options: Forms, acts, pseudonyms, personal data.
        folder: An empty folder, which gets `data/<form>/<persona>/<split>-*.parquet`.
        origin: Day and window.
        count_tokens: As `token_counts.load_token_counter` returns it.
        memory_limit: Of DuckDB's joins and sorts, such as "4GB".
        scratch: An empty folder for intermediate files.

    Raises:
        MemoryLimitError: The window has too many lines for the memory limit.
    """
    _require_memory_for_split(inputs, memory_limit)
    clean = remove_personal_data if options.clean else keep_texts
    by_cluster = {persona.cluster_id: persona for persona in inputs.personas}
    with phase("loading messages"), open_release_database(inputs, memory_limit, scratch) as con:
        starts = find_first_line_ids(inputs.lines)
        store = load_messages(con, starts, clean=clean, count_tokens=count_tokens, scratch=scratch)
        chosen = LineFilter(
            find_deleted_acts(con, starts), Counter(), build_refusals(inputs.left_out and inputs.left_out.users, store)
        )

    def read_input(chosen: LineFilter) -> Iterator[pa.RecordBatch]:
        return read_split_input(read_line_batches(inputs.lines, store), store, by_cluster, chosen)

    with phase("splitting lines"):
        splits = split_lines(read_input(chosen), options.split)
    return_freed_memory()
    n_lines = inputs.lines.count_rows()
    split_of_line = _index_splits(splits, n_lines)
    namer = build_user_namer(
        store.users,
        scope=options.scope,
        key=options.key,
        release=f"{origin.day}",
        persona=lambda cluster: by_cluster[cluster].key,
    )
    pairs = None
    if set(options.forms) & set(PAIRED_FORMS) and inputs.ignored is not None:
        with open_duckdb(memory_limit=memory_limit, scratch=scratch) as con:
            pairs = pair_acts(con, read_line_batches(inputs.lines, store), split_of_line, store, inputs.ignored)
    forms = _FormWriter(folder, options, by_cluster, store, origin, namer, count_tokens, pairs and pairs.table)
    with phase("writing forms", what="lines", total=n_lines) as written:
        for batch in read_line_batches(inputs.lines, store):
            forms.write(batch, split_of_line[batch.line_ids])
            written.add(batch.size)
        shards = forms.close()
    dropped = {reason: count for reason, count in (chosen.dropped + Counter(splits.dropped)).items() if count}
    return Release(
        shards,
        n_lines,
        dropped,
        forms.too_long,
        splits,
        store.personal_data,
        forms.left_out,
        len(forms.authors),
        lambda: read_input(chosen._replace(dropped=Counter())),
        dict(forms.not_asked),
        pairs.outcomes if pairs else {},
    )


def _require_memory_for_split(inputs: ReleaseInputs, memory_limit: str) -> None:
    lines, messages = inputs.lines.count_rows(), inputs.line_messages.count_rows()
    needed = lines * SPLIT_BYTES_PER_LINE + messages * SPLIT_BYTES_PER_MESSAGE
    require_memory(needed, memory_limit, what=f"the split of the {lines:,} lines of the window", min_share=0)


@contextmanager
def open_release_database(
    inputs: ReleaseInputs, memory_limit: str, scratch: Path
) -> Generator[duckdb.DuckDBPyConnection]:
    """Open DuckDB with the views `lines`, `line_messages` and `user_actions`, and the table `left_out_posts`.

    Raises:
        MemoryLimitError: The window has too many lines for the memory limit.
    """
    lines, messages = inputs.lines.count_rows(), inputs.line_messages.count_rows()
    beside = lines * BYTES_PER_LINE + messages * BYTES_PER_MESSAGE
    require_memory(beside, memory_limit, what=f"the {lines:,} lines of the window")
    with_model = min(beside + _BYTES_OF_MODEL, int(parse_bytes(memory_limit) * _SHARE_WITH_MODEL))
    with open_duckdb(memory_limit=memory_limit, scratch=scratch, bytes_beside=max(beside, with_model)) as con:
        for name in ("lines", "line_messages", "user_actions"):
            create_dataset_view(con, name, getattr(inputs, name))
        con.register("left_out_posts", pa.table({"uri": inputs.left_out.posts if inputs.left_out else NO_POSTS}))
        yield con


def _index_splits(splits: LineSplits, n_lines: int) -> _SplitNumbers:
    """Return the place in `SPLITS` of each line's split, int8 `(n_lines,)`; -1 for none."""
    numbers = np.full(n_lines, -1, np.int8)
    names = splits.lines["split"].cast(pa.string())
    found = pc.fill_null(pc.index_in(names, value_set=pa.array(SPLITS)), -1)
    numbers[splits.lines["line_id"].to_numpy()] = found.to_numpy()
    return numbers


class _FormWriter:
    """Writes the rows of all forms, a persona at a time."""

    def __init__(  # noqa: PLR0913, PLR0917 - what rows are made of
        self,
        folder: Path,
        options: ReleaseOptions,
        personas: dict[int, Persona],
        store: MessageStore,
        origin: Origin,
        namer: Callable[..., pa.StringArray],
        count_tokens: Callable[[pa.Array], npt.NDArray[np.int64]],
        pairs: pa.Table | None,
    ) -> None:
        self._folder, self._options, self._personas = folder, options, personas
        self._store, self._origin, self._namer, self._pairs = store, origin, namer, pairs
        self._chat = ChatOptions(options.acts, options.max_tokens, count_tokens)
        self._writers: PersonaWriters | None = None
        self._cluster: int | None = None
        self._shards: list[Shard] = []
        self.too_long = self.left_out = 0
        self.authors: set[int] = set()
        self.not_asked = Counter[str]()

    def write(self, batch: LineBatch, splits: _SplitNumbers) -> None:
        """Write the lines of one cluster that have a split."""
        if batch.cluster_id != self._cluster:
            self._end_persona()
            self._cluster = batch.cluster_id
            key = self._personas[batch.cluster_id].key
            forms = {form: FORMS[form] for form in self._options.forms}
            self._writers = PersonaWriters(self._folder, key, forms, SPLITS)
        kept = batch.select(splits >= 0)
        if not kept.size or self._writers is None:
            return
        self.authors.update(np.unique(kept.authors).tolist())
        names = pa.array(SPLITS).take(pa.array(splits[splits >= 0]))
        for form, rows in self._make_rows(kept, names):
            self._writers.write(form, rows)

    def _make_rows(self, batch: LineBatch, splits: pa.StringArray) -> Iterator[tuple[str, pa.Table]]:
        persona, forms = self._personas[batch.cluster_id], self._options.forms
        if "threads" in forms:
            yield "threads", make_thread_rows(batch, self._store, splits, persona, self._origin, self._namer)
        if "dehydrated" in forms:
            yield "dehydrated", make_dehydrated_rows(batch, self._store, splits, persona, self._origin)
        if set(forms) <= {"threads", "dehydrated"}:
            return
        chats = assemble_chats(batch, self._store, build_system_message(persona, acts=self._options.acts), self._chat)
        self.too_long += int((~chats.is_kept).sum())
        self.left_out += int(chats.left_out.sum())
        kept, names = batch.select(chats.is_kept), splits.filter(pa.array(chats.is_kept))
        chat = make_chat_rows(kept, chats, names, persona, self._origin, self._namer)
        if "chat" in forms:
            yield "chat", chat
        yield from self._derive_rows(chat, kept)

    def _derive_rows(self, chat: pa.Table, batch: LineBatch) -> Iterator[tuple[str, pa.Table]]:
        forms, acts = self._options.forms, self._options.acts
        if "next_action" in forms:
            made = make_next_action_rows(chat, find_own_texts(batch, self._store))
            self.not_asked.update(made.left_out)
            yield "next_action", made.rows
        if self._pairs is None:
            return
        if "preference" in forms:
            seed = self._options.split.seed
            rows = make_preference_rows(chat, batch, self._store, self._pairs, acts=acts, seed=seed)
            yield "preference", rows
        if "unpaired_preference" in forms:
            yield "unpaired_preference", make_unpaired_rows(chat, self._pairs, acts=acts)

    def close(self) -> list[Shard]:
        """Complete all files, and return them."""
        self._end_persona()
        return self._shards

    def _end_persona(self) -> None:
        if self._writers is not None:
            self._shards += self._writers.close()
        self._writers = None
