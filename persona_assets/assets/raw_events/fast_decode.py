"""Decode lines: a block at once where all are as expected, else each for itself."""

import gc
from collections import Counter

import msgspec
import numpy as np
import pyarrow as pa

from persona_assets.assets.raw_events.event_types import TYPED, Commit, Event, Payload, Post, make_line_types
from persona_assets.assets.raw_events.lexicon_limits import drop_langs
from persona_assets.assets.raw_events.nesting import find_deep_lines
from persona_assets.assets.raw_events.rejection_reasons import RefusedLineError
from persona_assets.assets.raw_events.wire_formats import FRAME, unframe
from persona_assets.common.lexicon import UNUSED_COLLECTIONS

# A longer line may hold so much that it is looked at whether it is to be held: of the others, few wait to be columns.
_LONG_BYTES = 1 << 13
_LINE_END, _OPENING, _CLOSING = b"\n{}"

# Anyone may publish collections: so many are learnt, after so many second looks, if met so many times; and so many
# that were met less often are remembered.
_MAX_LEARNED, _RELEARN_EVERY, _MIN_SEEN, _REMEMBER_MOST = 1000, 64, 2, 1000
# A preparation makes a type of each collection that is known, at some 70 us and 2.5 kB each: it waits until it adds
# this share of them, or until the second looks that it saves have taken as long.
_LEARN_SHARE, _LEARN_TIMES = 8, 4096


class BlockDecoder:
    """Decodes blocks of lines of known collections, and learns which others are frequent."""

    def __init__(self) -> None:
        """Know the collections that every capture has."""
        self._known = {*TYPED, *UNUSED_COLLECTIONS}
        self._met: Counter[str] = Counter()
        self._second_looks = 0
        self._prepare()

    def decode(self, body: bytes) -> list[Event | None]:
        """Decode lines, as they lie in a file: one entry a line, None for each that takes a second look."""
        decoded = self._decode(body)
        if _has_long_line(body):
            for event in decoded:
                if event and event.commit and isinstance(event.commit.record, Post):
                    drop_langs(event.commit.record)
        for at in find_deep_lines(body):
            decoded[at] = None
        return decoded

    def _decode(self, body: bytes) -> list[Event | None]:
        if not _is_utf8(body):  # msgspec does not look into the fields that it skips
            return [self._decode_line(line) if _is_utf8(line) else None for line in body.split(b"\n")]
        is_frame = body.startswith(FRAME)
        # An object may have the fields of both: how it is read must not depend on the lines beside it.
        if (count := _count_objects(body)) and body.count(b"\n" + FRAME) == (count - 1 if is_frame else 0):
            try:
                decoded = (self._frames if is_frame else self._events).decode_lines(body)
            except (msgspec.DecodeError, RecursionError):
                decoded = []
            if len(decoded) == count:
                return [_unframe(frame.payload) for frame in decoded] if is_frame else decoded  # pyright: ignore[reportAttributeAccessIssue, reportReturnType] - frames or events, as asked
        return [self._decode_line(line) for line in body.split(b"\n")]

    def learn(self, event: Event) -> None:
        """Note an event that took a second look: a collection that is met again will not need it."""
        self._second_looks += 1
        if event.commit and event.commit.collection not in self._known:
            self._met[event.commit.collection] += 1
        if self._second_looks >= _RELEARN_EVERY:
            self._second_looks = 0
            self._learn_frequent()

    def _learn_frequent(self) -> None:
        frequent = {name: times for name, times in self._met.most_common() if times >= _MIN_SEEN}
        new = list(frequent)[: max(0, _MAX_LEARNED - len(self._known))]
        if new and (len(new) >= len(self._known) // _LEARN_SHARE or sum(frequent.values()) >= _LEARN_TIMES):
            self._known |= set(new)
            self._met.clear()
            self._prepare()
            gc.collect()  # a reader has the collector off, and types that are replaced are cycles
        elif len(self._met) > _REMEMBER_MOST:
            self._met = Counter(frequent if new else {})

    def _prepare(self) -> None:
        event, frame = make_line_types(self._known)
        self._events, self._frames = msgspec.json.Decoder(event), msgspec.json.Decoder(frame)

    def _decode_line(self, line: bytes) -> Event | None:
        try:
            if line.startswith(FRAME):
                return _unframe(self._frames.decode(line).payload)
            return self._events.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return None


def _is_utf8(body: bytes) -> bool:
    """Tell whether `body` is UTF-8, in 0.4 of the time that decoding it takes."""
    ends = pa.py_buffer(np.array([0, len(body)], np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(body)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _has_long_line(body: bytes) -> bool:
    """Tell whether a line may be long: it fills a stretch of half its bytes, in which there is no line end."""
    half = _LONG_BYTES // 2
    return any(body.find(b"\n", start, start + half) < 0 for start in range(0, len(body) - half + 1, half))


def _count_objects(body: bytes) -> int:
    """Return the number of lines if each begins and ends with a brace, else 0.

    Between two braces a line end can't be inside a JSON value, so that as many values as lines are one a line:
    `decode_lines` itself passes by empty lines and takes objects that share a line or spread over several.
    """
    if body[:1] != b"{" or body[-1:] != b"}":
        return 0
    content = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(content == _LINE_END)
    braced = (content[ends - 1] == _CLOSING).all() and (content[ends + 1] == _OPENING).all()
    return len(ends) + 1 if braced else 0


def _unframe(payload: Payload) -> Event | None:
    try:
        return unframe(payload, Event, Commit)
    except RefusedLineError:
        return None
