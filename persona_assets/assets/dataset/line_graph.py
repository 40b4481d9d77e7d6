"""Read which users, threads and texts each line has, as one graph of numbers.

The nodes are users, threads and groups of equal or nearly equal texts. Each line connects its nodes. Identifiers and
texts are hashed as they first occur, so that memory does not grow with their length.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.assets.dataset.distinct_values import STRINGS, DistinctValues
from persona_assets.assets.dataset.hash_index import MISSING, HashIndex
from persona_assets.assets.dataset.keyed_hash import Hashes, derive_key, derive_number, hash_values, mix_hashes
from persona_assets.assets.dataset.near_duplicates import N_VALUES, Signatures, group_near_duplicates, minhash_texts
from persona_assets.assets.dataset.normalise import count_words, normalise_texts
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.common.columns import column, required_column
from persona_assets.common.freed_memory import return_freed_memory

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

# What a split needs to know of each line. Its strings are numbers in dictionaries, which batches best share.
LINES = pa.schema(
    [
        required_column("line_id", pa.int64(), "Number of the line; each is there once."),
        required_column("persona", pa.int32(), "Persona of the user whose line it is."),
        column("users", STRINGS, "Accounts that write or are acted on in the line; its author is the first."),
        column("threads", STRINGS, "Addresses of the first posts of its threads, and of quoted posts."),
        column("texts", STRINGS, "What is written in the line."),
        required_column("first_time_us", pa.int64(), "When its first message was written."),
        required_column("last_time_us", pa.int64(), "When its last message was written, or its action was done."),
    ]
)

USER, THREAD, TEXT, ALONE = range(4)
# The number of a text with too few words.
_TOO_SHORT = -1


class LineGraph(NamedTuple):
    """Lines, and the users, threads and texts in them (nodes), as arrays of edges between lines and nodes.

    Its nodes are numbered by kind, and then by their keyed hashes.
    """

    line_ids: Int64Array  # (n_lines,)
    personas: Int32Array  # (n_lines,)
    first_time_us: Int64Array  # (n_lines,)
    last_time_us: Int64Array  # (n_lines,)
    anchors: Int32Array  # (n_lines,) node of the author; of a line without users, its first node
    # (n_incidences,) row of a line, for each of its users and threads once, and for each of its distinct texts
    lines: Int32Array
    nodes: Int32Array  # (n_incidences,)
    kinds: npt.NDArray[np.int8]  # (n_nodes,) USER, THREAD, TEXT, or ALONE for a line that has none of them
    keys: Hashes  # (n_nodes,) pseudo-random, under a key

    @property
    def n_lines(self) -> int:
        """Number of lines in the graph."""
        return len(self.line_ids)

    @property
    def n_nodes(self) -> int:
        """The number of nodes, which are users, threads and texts; lines connect them and are no nodes."""
        return len(self.kinds)


class _Incidence(NamedTuple):
    lines: Int32Array
    nodes: Int32Array  # from 0
    keys: Hashes  # of the nodes


def read_line_graph(batches: Iterable[pa.RecordBatch], options: SplitOptions) -> LineGraph:
    """Build the graph that connects each line to its users, threads and texts.

    Memory: about 200 bytes for each line with its users and threads, and 450 bytes for each distinct text.

    Args:
        batches: `LINES`; the graph of each line does not depend on their order. Those that share dictionaries are read
            fastest: each value of a dictionary is looked at once.
        options: Seed, minimum words and minimum similarity of texts. Without `hold_out_users`, users are no nodes.
    """
    numbers: dict[str, list[np.ndarray]] = {field: [] for field in ("line_id", "persona", *_TIMES)}
    users, threads = (_ValueReader(derive_key(options.seed, kind)) for kind in ("user", "thread"))
    texts = _TextReader(options)
    row = 0
    for batch in batches:
        for name, parts in numbers.items():
            parts.append(batch[name].to_numpy())
        if options.hold_out_users:
            users.add(batch["users"], row)
        threads.add(batch["threads"], row)
        texts.add(batch["texts"], row)
        row += len(batch)
    ids, personas, first, last = (
        _concatenate(parts, LINES.field(name).type.to_pandas_dtype()) for name, parts in numbers.items()
    )
    # Texts first: their signatures take the most memory until they are grouped.
    of_texts = texts.number()
    return_freed_memory()
    kinds = [users.number(), threads.number(), of_texts]
    kinds.append(_number_lines_without_nodes(ids, kinds, options))
    return _join_kinds(ids, personas, first, last, kinds)


_TIMES = ("first_time_us", "last_time_us")


class _ValueReader:
    """The values of a column of lists as numbers, with the row of each."""

    def __init__(self, key: bytes) -> None:
        self._values = DistinctValues(key)
        self._rows: list[Int32Array] = []
        self._numbers: list[Int32Array] = []

    def add(self, lists: pa.ListArray, first_row: int) -> None:
        rows, numbers, new = self._values.read(lists)
        self._rows.append((rows + first_row).astype(np.int32))
        self._numbers.append(numbers)
        self._learn(new)

    def _learn(self, values: list[str]) -> None:
        """Take up values that occur for the first time."""

    def number(self) -> _Incidence:
        """Number the values in the order of their hashes, which is pseudo-random; frees what was collected."""
        keys, ranks = self._values.rank()
        rows, numbers = _concatenate(self._rows, np.int32), _concatenate(self._numbers, np.int32)
        return _Incidence(rows, ranks[numbers], keys)


class _TextReader(_ValueReader):
    """Numbers of the texts of lines. Each distinct text is normalised and signed once."""

    def __init__(self, options: SplitOptions) -> None:
        super().__init__(derive_key(options.seed, "text"))
        self._options = options
        self._key = derive_key(options.seed, "text")
        self._signature_seed = derive_number(options.seed, "signature")
        self._normalised = HashIndex()
        self._signatures: list[Signatures] = []
        # The number of the normalised text of each text, or _TOO_SHORT.
        self._of_text: list[Int32Array] = []

    def _learn(self, values: list[str]) -> None:
        texts = normalise_texts(values)
        is_long = np.fromiter((count_words(text) >= self._options.min_words for text in texts), bool, len(texts))
        hashes = hash_values(pa.array(texts, pa.string()), self._key)
        distinct, first = np.unique(hashes[is_long], return_index=True)
        is_new = self._normalised.find(distinct) == MISSING
        n_known = len(self._normalised)
        self._normalised.add(distinct[is_new], np.arange(n_known, n_known + is_new.sum(), dtype=np.int32))
        chosen = np.flatnonzero(is_long)[first[is_new]].tolist()
        if chosen:
            self._signatures.append(minhash_texts([texts[place] for place in chosen], seed=self._signature_seed))
        numbers = np.full(len(texts), _TOO_SHORT, np.int32)
        numbers[is_long] = self._normalised.find(hashes[is_long])
        self._of_text.append(numbers)

    def number(self) -> _Incidence:
        """Number the groups of nearly equal texts in the order of their smallest hashes; frees what was collected."""
        keys, numbers = self._normalised.entries()
        # Texts are grouped in the order of their hashes, so that groups do not depend on the order of lines.
        places = np.empty(len(keys), np.int32)
        places[numbers] = np.arange(len(keys), dtype=np.int32)
        signatures = np.empty((len(keys), N_VALUES), np.uint32)
        end = len(keys)
        while self._signatures:
            batch = self._signatures.pop()
            signatures[places[end - len(batch) : end]] = batch
            end -= len(batch)
        groups = group_near_duplicates(signatures, min_similarity=self._options.near_duplicate_similarity)
        _, first_texts = np.unique(groups, return_index=True)
        rows, texts = _concatenate(self._rows, np.int32), _concatenate(self._numbers, np.int32)
        texts = _concatenate(self._of_text, np.int32)[texts]
        is_long = texts != _TOO_SHORT
        return _Incidence(rows[is_long], groups[places[texts[is_long]]], keys[first_texts])


def _concatenate(parts: list[Any], dtype: type[np.generic]) -> Any:
    """Return the parts as one array, and empty the list."""
    joined = np.concatenate(parts) if parts else np.empty(0, dtype)
    parts.clear()
    return joined


def _number_lines_without_nodes(ids: Int64Array, kinds: list[_Incidence], options: SplitOptions) -> _Incidence:
    has_nodes = np.zeros(len(ids), dtype=bool)
    for kind in kinds:
        has_nodes[kind.lines] = True
    alone = np.flatnonzero(~has_nodes).astype(np.int32)
    keys = mix_hashes(ids[alone].astype(np.uint64), derive_number(options.seed, "line"))
    return _Incidence(alone, np.arange(len(alone), dtype=np.int32), keys)


def _join_kinds(
    ids: Int64Array, personas: Int32Array, first: Int64Array, last: Int64Array, kinds: list[_Incidence]
) -> LineGraph:
    anchors = np.full(len(ids), -1, np.int32)
    n_nodes = 0
    nodes: list[Int32Array] = []
    for kind in kinds:
        numbered = (kind.nodes + n_nodes).astype(np.int32)
        # Assigned in reverse, so that the first node of each line is the last to be assigned.
        first_nodes = np.full(len(ids), -1, np.int32)
        first_nodes[kind.lines[::-1]] = numbered[::-1]
        anchors = np.where(anchors < 0, first_nodes, anchors)
        nodes.append(numbered)
        n_nodes += len(kind.keys)
    return LineGraph(
        line_ids=ids,
        personas=personas,
        first_time_us=first,
        last_time_us=last,
        anchors=anchors,
        lines=np.concatenate([kind.lines for kind in kinds]),
        nodes=np.concatenate(nodes),
        kinds=np.repeat(np.arange(len(kinds), dtype=np.int8), [len(kind.keys) for kind in kinds]),
        keys=np.concatenate([kind.keys for kind in kinds]),
    )
