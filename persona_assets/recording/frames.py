"""Find in a raw frame the time of its event, and what else is needed to file it; the frame itself is kept as it is."""

import datetime as dt
from typing import NamedTuple

import msgspec

from persona_assets.recording.addresses import Protocol

# An event of another time than this comes from a broken clock: it would get a folder of its own. 2022 and 2100.
_MIN_TIME_US, _MAX_TIME_US = 1_640_995_200_000_000, 4_102_444_800_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND_LENGTH, _TIME_LENGTH = 19, 27  # of 2026-07-04T14:38:08 and 2026-07-04T14:38:08.085434Z
_MAX_NAME_LENGTH = 64
_V1_KINDS = frozenset({"commit", "identity", "account"})


class MalformedFrameError(Exception):
    """A frame is not an event; the argument is the reason and quotes nothing of the frame."""


class ServerMessageError(Exception):
    """A frame is not an event but a notice of the server, such as `ConsumerTooSlow` or `OutdatedCursor`."""

    def __init__(self, name: str, *, is_error: bool) -> None:
        """Store the name of the message, and whether the server closes the connection after it."""
        super().__init__(name)
        self.name, self.is_error = name, is_error


class ScannedFrame(NamedTuple):
    """An event ready to be stored: time, sequence number, JSON line, and bytes that identify it among duplicates."""

    time_us: int  # UTC
    seq: int | None  # sequence number on this server (v2)
    line: bytes  # without a line end
    identity: bytes  # equal for two deliveries of the same event by the same server


class _V1Event(msgspec.Struct, gc=False):
    did: str
    time_us: int
    kind: str
    account: msgspec.Raw = msgspec.Raw()
    identity: msgspec.Raw = msgspec.Raw()


class _V2Payload(msgspec.Struct, gc=False):
    type: str = msgspec.field(name="$type", default="")
    did: str = ""
    seq: int = -1
    time: str = ""
    name: str = ""
    account: msgspec.Raw = msgspec.Raw()
    identity: msgspec.Raw = msgspec.Raw()


class _V2Frame(msgspec.Struct, gc=False):
    type: str = msgspec.field(name="$type")
    payload: _V2Payload | None = None
    error: str = ""


class FrameScanner:
    """Extracts time and identity from the raw frames of one connection without decoding the rest."""

    def __init__(self, protocol: Protocol) -> None:
        """Start with the version of the protocol of the connection's frames."""
        self.scan = self._scan_v1 if protocol == "v1" else self._scan_v2
        self._decode_v1 = msgspec.json.Decoder(_V1Event).decode
        self._decode_v2 = msgspec.json.Decoder(_V2Frame).decode
        self._second, self._second_us = "", 0

    def _scan_v1(self, frame: bytes) -> ScannedFrame:
        line = _to_line(frame)
        try:
            event = self._decode_v1(line)
        except (msgspec.DecodeError, RecursionError):
            raise MalformedFrameError("not an event") from None
        if event.kind not in _V1_KINDS:
            raise MalformedFrameError("not an event")
        _check_time(event.time_us)
        body = event.account or event.identity
        return ScannedFrame(event.time_us, None, line, _identify(event.did, body, line) if body else line)

    def _scan_v2(self, frame: bytes) -> ScannedFrame:
        line = _to_line(frame)
        try:
            decoded = self._decode_v2(line)
        except (msgspec.DecodeError, RecursionError):
            raise MalformedFrameError("not an event") from None
        payload = decoded.payload
        if decoded.type == "error":
            raise ServerMessageError(_shorten(decoded.error), is_error=True)
        if payload is None or decoded.type != "message":
            raise MalformedFrameError("not an event")
        if payload.type.endswith("#info"):
            raise ServerMessageError(_shorten(payload.name), is_error=False)
        time_us = self._parse_time(payload.time)
        if not payload.did or payload.seq < 0:
            raise MalformedFrameError("not an event")
        _check_time(time_us)
        body = payload.account or payload.identity
        return ScannedFrame(time_us, payload.seq, line, _identify(payload.did, body, line) if body else line)

    def _parse_time(self, time: str) -> int:
        second = time[:_SECOND_LENGTH]
        try:
            if len(time) == _TIME_LENGTH and time[19] == "." and time[26] == "Z":
                if second != self._second:
                    self._second_us = _to_microseconds(f"{second}Z")
                    self._second = second
                return self._second_us + int(time[20:26])
            return _to_microseconds(time)
        except (ValueError, TypeError, OverflowError):
            raise MalformedFrameError("no time") from None


def _to_microseconds(time: str) -> int:
    return (dt.datetime.fromisoformat(time) - _EPOCH) // dt.timedelta(microseconds=1)


def _check_time(time_us: int) -> None:
    if not _MIN_TIME_US <= time_us < _MAX_TIME_US:
        raise MalformedFrameError("no plausible time")


def _to_line(frame: bytes) -> bytes:
    """Return the frame, on one line: only a server that indents its JSON makes a copy necessary."""
    if not frame.isascii():
        try:
            frame.decode()
        except UnicodeDecodeError:
            raise MalformedFrameError("not UTF-8") from None
    if b"\n" in frame or b"\r" in frame:
        try:
            return msgspec.json.format(frame, indent=-1)
        except (msgspec.DecodeError, RecursionError):
            raise MalformedFrameError("not an event") from None
    return frame


def _identify(did: str, body: msgspec.Raw, line: bytes) -> bytes:
    """Return what identifies an account or identity event on every server: its body, if that has the relay's number."""
    raw = bytes(body)
    return did.encode() + raw if b'"seq":' in raw else line


def _shorten(name: str) -> str:
    """Return a server's name of a message if it is a plain word: nothing else of a server goes into logs."""
    return name if name.isascii() and name.isalnum() and len(name) <= _MAX_NAME_LENGTH else "unknown"
