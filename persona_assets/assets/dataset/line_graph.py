"""Read which users, threads and texts each line has, as one graph of numbers.

The nodes are users, threads and groups of equal or nearly equal texts. Each line connects its nodes. Identifiers and
texts are hashed as they stream by, so that memory does not grow with their length.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.assets.dataset.hash_index import MISSING, HashIndex
from persona_assets.assets.dataset.keyed_hash import Hashes, derive_key, derive_number, hash_values, mix_hashes
from persona_assets.assets.dataset.near_duplicates import N_VALUES, Signatures, group_near_duplicates, minhash_texts
from persona_assets.assets.dataset.normalise import count_words, normalise_text
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.common.columns import column, required_column

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

STRINGS = pa.list_(pa.string())
ENCODED = pa.dictionary(pa.int32(), pa.string())

# What a split needs to know of each line.
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
        batches: `LINES`; the graph of each line does not depend on their order.
        options: Seed, minimum words and minimum similarity of texts. Without `hold_out_users`, users are no nodes.
    """
    numbers: dict[str, list[np.ndarray]] = {field: [] for field in ("line_id", "persona", *_TIMES)}
    users, threads, texts = _HashedLists(options, "user"), _HashedLists(options, "thread"), _TextReader(options)
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
    kinds = [users.number(), threads.number(), of_texts]
    kinds.append(_number_lines_without_nodes(ids, kinds, options))
    return _join_kinds(ids, personas, first, last, kinds)


_TIMES = ("first_time_us", "last_time_us")


class _HashedLists:
    """The values of a column of lists as hashes, with the row of each."""

    def __init__(self, options: SplitOptions, kind: str) -> None:
        self._key = derive_key(options.seed, kind)
        self._rows: list[Int32Array] = []
        self._hashes: list[Hashes] = []

    def add(self, lists: pa.ListArray, first_row: int) -> None:
        rows, codes, values = _encode_lists(lists)
        self._rows.append((rows + first_row).astype(np.int32))
        self._hashes.append(hash_values(values, self._key)[codes])

    def number(self) -> _Incidence:
        """Number the distinct hashes in their order, which is pseudo-random; frees the hashes."""
        rows, hashes = _concatenate(self._rows, np.int32), _concatenate(self._hashes, np.uint64)
        # As np.unique with its inverse, in half of the memory.
        order = np.argsort(hashes)
        hashes = hashes[order]
        is_new = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
        nodes = np.empty(len(hashes), np.int32)
        nodes[order] = np.cumsum(is_new, dtype=np.int32) - 1
        return _Incidence(rows, nodes, hashes[is_new])


class _TextReader:
    """Numbers of the texts of lines. Each distinct text is normalised and signed once."""

    def __init__(self, options: SplitOptions) -> None:
        self._options = options
        self._key = derive_key(options.seed, "text")
        self._signature_seed = derive_number(options.seed, "signature")
        self._raw, self._normalised = HashIndex(), HashIndex()
        self._signatures: list[Signatures] = []
        self._rows: list[Int32Array] = []
        self._texts: list[Int32Array] = []

    def add(self, lists: pa.ListArray, first_row: int) -> None:
        rows, codes, values = _encode_lists(lists)
        numbers = self._number_texts(values)[codes]
        is_long = numbers != _TOO_SHORT
        self._rows.append((rows[is_long] + first_row).astype(np.int32))
        self._texts.append(numbers[is_long])

    def _number_texts(self, values: pa.StringArray) -> Int32Array:
        raw_hashes = hash_values(values, self._key)
        places = np.flatnonzero(self._raw.find(raw_hashes) == MISSING)
        texts = [normalise_text(text) for text in values.take(pa.array(places)).to_pylist()]
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
        distinct, first = np.unique(raw_hashes[places], return_index=True)
        self._raw.add(distinct, numbers[first])
        return self._raw.find(raw_hashes)

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
        rows, texts = _concatenate(self._rows, np.int32), _concatenate(self._texts, np.int32)
        return _Incidence(rows, groups[places[texts]], keys[first_texts])


def _concatenate(parts: list[Any], dtype: type[np.generic]) -> Any:
    """Return the parts as one array, and empty the list."""
    joined = np.concatenate(parts) if parts else np.empty(0, dtype)
    parts.clear()
    return joined


def _encode_lists(lists: pa.ListArray) -> tuple[Int64Array, Int32Array, pa.StringArray]:
    """Return the row of each value of a column of lists, its place among the distinct values, and these."""
    rows = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    values = pc.list_flatten(lists)
    if values.null_count:
        rows, values = rows[pc.is_valid(values).to_numpy(zero_copy_only=False)], values.drop_null()
    # Without values, pyarrow's dictionary has no type.
    encoded = values.dictionary_encode() if len(values) else pa.array([], ENCODED)
    codes = encoded.indices.to_numpy()
    # The first place of each value of a list, in its order, so that the author stays first.
    combined = rows * max(len(encoded.dictionary), 1) + codes
    _, first = np.unique(combined, return_index=True)
    first.sort()
    return rows[first], codes[first], encoded.dictionary


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
