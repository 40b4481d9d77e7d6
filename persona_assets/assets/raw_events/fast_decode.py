"""Fast path of decoding: a block of lines at once if all are as expected, else line by line."""

import gc
from collections import Counter

import msgspec
import numpy as np
import pyarrow as pa

from persona_assets.assets.raw_events.event_types import (
    RECORD_TYPES,
    Commit,
    JetstreamEvent,
    PostRecord,
    ProfileRecord,
    V2Payload,
    build_line_types,
)
from persona_assets.assets.raw_events.lexicon_limits import shorten_long_labels, shorten_long_langs
from persona_assets.assets.raw_events.nesting import find_too_deep_lines
from persona_assets.assets.raw_events.rejection_reasons import NotAnEventError
from persona_assets.assets.raw_events.wire_formats import FRAME_PREFIX, payload_to_event
from persona_assets.common.lexicon import CONSENT_COLLECTIONS, UNUSED_COLLECTIONS

# Only lines of this length are searched for long lists of languages, which take much memory until they are columns.
_LONG_BYTES = 1 << 13
_LINE_END, _OPENING, _CLOSING = b"\n{}"

# Anyone may publish records of new collections. At most `_MAX_LEARNED` are learned: after every `_RELEARN_EVERY` events
# of the slow path, those seen at least `_MIN_SEEN` times. `_MAX_REMEMBERED` limits how many rarer names are counted.
_MAX_LEARNED, _RELEARN_EVERY, _MIN_SEEN, _MAX_REMEMBERED = 1000, 64, 2, 1000
# New decoders define a type for each known collection, about 70 us and 2.5 kB each. They are built when the new
# collections are at least 1/8 of the known ones, or when they took this many events of the slow path.
_MIN_GROWTH_DIVISOR, _MIN_SLOW_EVENTS = 8, 4096


class BlockDecoder:
    """Fast path: decodes a block of lines at once if it knows their collections; it learns frequent ones.

    Lines that it cannot decode are left to `lenient_decode`, the slow path.
    """

    def __init__(self) -> None:
        """Start with the collections that every capture contains."""
        self._known = {*RECORD_TYPES, *UNUSED_COLLECTIONS}
        self._unknown_counts: Counter[str] = Counter()
        self._slow_events = 0
        self._build_decoders()

    def decode(self, body: bytes) -> list[JetstreamEvent | None]:
        """Decode a block of lines; return one event per line, or None if `decode_line_leniently` must decode it.

        Args:
            body: Lines with a line feed between them and none at the end.
        """
        decoded = self._decode(body)
        if _has_long_line(body):
            for event in decoded:
                record = event and event.commit and event.commit.record
                if isinstance(record, PostRecord):
                    shorten_long_langs(record)
                elif isinstance(record, ProfileRecord):
                    shorten_long_labels(record)
        for at in find_too_deep_lines(body):
            decoded[at] = None
        return decoded

    def _decode(self, body: bytes) -> list[JetstreamEvent | None]:
        if not _is_utf8(body):  # checked here because msgspec does not validate fields that it skips
            return [self._decode_line(line) if _is_utf8(line) else None for line in body.split(b"\n")]
        is_frame = body.startswith(FRAME_PREFIX)
        # An object may have the fields of both formats: its decoding must not depend on the lines around it.
        if (count := _count_objects(body)) and body.count(b"\n" + FRAME_PREFIX) == (count - 1 if is_frame else 0):
            try:
                decoded = (self._frames if is_frame else self._events).decode_lines(body)
            except (msgspec.DecodeError, RecursionError):
                decoded = []
            if len(decoded) == count:
                return [_to_event_or_none(frame.payload) for frame in decoded] if is_frame else decoded  # pyright: ignore[reportAttributeAccessIssue, reportReturnType] - frames or events, as asked
        return [self._decode_line(line) for line in body.split(b"\n")]

    def learn_collection(self, event: JetstreamEvent) -> None:
        """Count an event's collection that is not decoded fast yet; decode it so from now on if it is frequent."""
        self._slow_events += 1
        # Records of consent are rare, and the slow path alone keeps what they say: they are never learned.
        if event.commit and event.commit.collection not in {*self._known, *CONSENT_COLLECTIONS}:
            self._unknown_counts[event.commit.collection] += 1
        if self._slow_events >= _RELEARN_EVERY:
            self._slow_events = 0
            self._learn_frequent()

    def _learn_frequent(self) -> None:
        frequent = {name: times for name, times in self._unknown_counts.most_common() if times >= _MIN_SEEN}
        new = list(frequent)[: max(0, _MAX_LEARNED - len(self._known))]
        if new and (len(new) >= len(self._known) // _MIN_GROWTH_DIVISOR or sum(frequent.values()) >= _MIN_SLOW_EVENTS):
            self._known |= set(new)
            self._unknown_counts.clear()
            self._build_decoders()
            gc.collect()  # the caller disables automatic collection, and replaced types form reference cycles
        elif len(self._unknown_counts) > _MAX_REMEMBERED:
            self._unknown_counts = Counter(frequent if new else {})

    def _build_decoders(self) -> None:
        event, frame = build_line_types(self._known)
        self._events, self._frames = msgspec.json.Decoder(event), msgspec.json.Decoder(frame)

    def _decode_line(self, line: bytes) -> JetstreamEvent | None:
        try:
            if line.startswith(FRAME_PREFIX):
                return _to_event_or_none(self._frames.decode(line).payload)
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
    """Return whether a line may have `_LONG_BYTES`: some aligned half of that length contains no line end."""
    half = _LONG_BYTES // 2
    return any(body.find(b"\n", start, start + half) < 0 for start in range(0, len(body) - half + 1, half))


def _count_objects(body: bytes) -> int:
    """Return the number of lines if each starts and ends with a brace, else 0.

    A line end between two braces cannot be inside a JSON value. If there are as many values as lines, each line is
    therefore one value. `decode_lines` alone does not ensure that: it skips empty lines, and accepts objects that share
    a line or span several.
    """
    if body[:1] != b"{" or body[-1:] != b"}":
        return 0
    content = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(content == _LINE_END)
    braced = (content[ends - 1] == _CLOSING).all() and (content[ends + 1] == _OPENING).all()
    return len(ends) + 1 if braced else 0


def _to_event_or_none(payload: V2Payload) -> JetstreamEvent | None:
    try:
        return payload_to_event(payload, JetstreamEvent, Commit)
    except NotAnEventError:
        return None
