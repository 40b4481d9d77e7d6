"""Find the subjects of likes, reposts, follows and blocks in DAG-CBOR, without a Python object per record.

These are four of five events, and their records have one form: DAG-CBOR orders the fields of a map by the length of
their names, and writes each length in one way. Records that differ from this form in a byte are left to a decoder.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.archive.blocks import ByteStringColumn
from persona_assets.common.lexicon import BLOCK, FOLLOW, LIKE, REPOST

# The column of RAW_EVENTS that the subject fills.
SUBJECT_COLUMNS = {LIKE: "subject_uri", REPOST: "subject_uri", FOLLOW: "subject_did", BLOCK: "subject_did"}
_OF_RECORDS = (LIKE, REPOST)
_MAP, _SHORT_TEXT, _LONG_TEXT = 0xA0, 0x60, 0x78
_SHORT_LENGTHS = 24  # a longer text has its length in the next byte


def find_subjects(
    payloads: ByteStringColumn, rows: np.ndarray, beyond_ascii: np.ndarray, collection: str
) -> tuple[np.ndarray, pa.StringArray]:
    """Extract the subjects (URI or account) of likes, reposts, follows or blocks from DAG-CBOR, without decoding all.

    Args:
        payloads: Records in DAG-CBOR.
        rows: Which of them: int64 `(n,)`, ascending.
        beyond_ascii: How many bytes of each of `rows` are no ASCII: int64 `(n,)`.
        collection: Their collection, one of `SUBJECT_COLUMNS`.

    Returns:
        Which of `rows` have the usual form, bool `(n,)`, and the subjects of these.
    """
    found, texts = np.zeros(len(rows), bool), [pa.array([], pa.string())]
    order = list[np.ndarray]()
    for has_via in (False, True):
        reader = _MapReader(payloads, rows[~found])
        reader.expect(bytes([_MAP + 3 + has_via]))
        if has_via:  # what the author liked or followed by
            reader.expect(_name("via") + bytes([_MAP + 2]) + _name("cid"))
            reader.skip_text()
            reader.expect(_name("uri"))
            reader.skip_text()
        reader.expect(_name("$type") + _name(collection) + _name("subject"))
        if collection in _OF_RECORDS:
            reader.expect(bytes([_MAP + 2]) + _name("cid"))
            reader.skip_text()
            reader.expect(_name("uri"))
        start, end = reader.skip_text()
        reader.expect(_name("createdAt"))
        reader.skip_text()
        # The first byte of a map is no ASCII, and texts must have no other such byte.
        maps = 1 + has_via + (collection in _OF_RECORDS)
        is_usual = reader.is_at_end() & (beyond_ascii[~found] == maps)
        at = np.flatnonzero(~found)[is_usual]
        order.append(at)
        texts.append(_cut_texts(payloads.content, start[is_usual], end[is_usual]))
        found[at] = True
    ranks = np.argsort(np.concatenate(order), kind="stable")
    return found, pc.take(pa.concat_arrays(texts), pa.array(ranks))


def _name(text: str) -> bytes:
    """Return a short text in CBOR."""
    return bytes([_SHORT_TEXT + len(text)]) + text.encode()


class _MapReader:
    """Reads many records at once, each at a position of its own, and notes which differ from what is expected."""

    def __init__(self, payloads: ByteStringColumn, rows: np.ndarray) -> None:
        self._content = np.frombuffer(payloads.content, np.uint8)
        self._last = len(self._content) - 1
        self._at, self._ends = payloads.ends[rows], payloads.ends[rows + 1]
        self._is_usual = np.ones(len(rows), bool)

    def expect(self, constant: bytes) -> None:
        """Move past some bytes."""
        wanted = np.frombuffer(constant, np.uint8)
        # A position behind the end of its record reads what is there; `is_at_end` finds that out.
        places = np.minimum(self._at[:, None] + np.arange(len(wanted)), self._last)
        self._is_usual &= (self._content[places] == wanted).all(axis=1)
        self._at = self._at + len(wanted)

    def skip_text(self) -> tuple[np.ndarray, np.ndarray]:
        """Move past a text of at most 255 bytes, and return where it starts and ends."""
        first = self._content[np.minimum(self._at, self._last)].astype(np.int64)
        second = self._content[np.minimum(self._at + 1, self._last)].astype(np.int64)
        is_long = first == _LONG_TEXT
        short_length = first - _SHORT_TEXT
        is_short = (short_length >= 0) & (short_length < _SHORT_LENGTHS)
        self._is_usual &= is_short | (is_long & (second >= _SHORT_LENGTHS))
        start = self._at + 1 + is_long
        self._at = start + np.where(is_long, second, np.where(is_short, short_length, 0))
        return start, self._at

    def is_at_end(self) -> np.ndarray:
        """Return which records were as expected to their end: bool `(n,)`."""
        return self._is_usual & (self._at == self._ends)


def _cut_texts(content: bytes, starts: np.ndarray, ends: np.ndarray) -> pa.StringArray:
    """Return texts that lie in `content`, one behind the other with gaps between them."""
    if not len(starts):
        return pa.array([], pa.string())
    bounds = np.empty(2 * len(starts), np.int32)
    bounds[::2], bounds[1::2] = starts, ends
    with_gaps = pa.Array.from_buffers(pa.string(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(content)])
    return pc.take(with_gaps, pa.array(np.arange(0, len(bounds), 2)), boundscheck=False)
