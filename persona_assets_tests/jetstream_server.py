"""A Jetstream server on the loopback interface that speaks v1 and v2, and misbehaves by a script.

It knows nothing of the recorder. Events are lines in the form of v1; v2 frames are made from them.
"""

import datetime as dt
import functools
import json
import random
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import zstandard
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

V1_DICTIONARY_ID, V2_DICTIONARY_ID = 1612007021, 20260811
V2_PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
SECOND = 1_000_000
_FIRST_SEQ = 1000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def micro(time: str) -> int:
    """Microseconds of an instant such as 2025-03-01T23:55:00."""
    return (dt.datetime.fromisoformat(f"{time}+00:00") - _EPOCH) // dt.timedelta(microseconds=1)


def make_events(start_us: int, number: int, *, spacing_us: int = 50_000, seed: int = 0) -> list[bytes]:
    """Make lines of v1: posts, likes, deletions and account events of made-up users, at even distances."""
    generator = random.Random(seed)  # noqa: S311 - a test
    lines = []
    for at in range(number):
        time_us = start_us + at * spacing_us
        event: dict[str, Any] = {"did": f"did:plc:{generator.randrange(50):024d}", "time_us": time_us, "kind": "commit"}
        commit = {"rev": f"3k{at:011d}", "operation": "create", "rkey": f"3l{at:011d}"}
        draw = generator.random()
        if draw < 0.02:
            event["kind"] = "account"
            event["account"] = {
                "active": draw < 0.01,
                "did": event["did"],
                "seq": 500 + at,
                "time": "2025-03-01T00:00:00Z",
            }
            if not event["account"]["active"]:
                event["account"]["status"] = "deactivated"
        elif draw < 0.04:
            event["kind"] = "identity"
            event["identity"] = {"did": event["did"], "seq": 500 + at, "time": "2025-03-01T00:00:00Z"}
        elif draw < 0.1:
            event["commit"] = commit | {"operation": "delete", "collection": "app.bsky.feed.like"}
        elif draw < 0.5:
            text = f"made-up post {at} é" + "!" * generator.randrange(200)
            record = {"$type": "app.bsky.feed.post", "createdAt": "2025-03-01T00:00:00Z", "text": text, "langs": ["en"]}
            event["commit"] = commit | {"collection": "app.bsky.feed.post", "record": record, "cid": f"bafy{at}"}
        else:
            subject = {
                "cid": f"bafy{at}",
                "uri": f"at://did:plc:{generator.randrange(50):024d}/app.bsky.feed.post/3l{at}",
            }
            record = {"$type": "app.bsky.feed.like", "createdAt": "2025-03-01T00:00:00Z", "subject": subject}
            event["commit"] = commit | {"collection": "app.bsky.feed.like", "record": record, "cid": f"bafy{at}"}
        lines.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
    return lines


def to_v2(line: bytes, seq: int) -> bytes:
    """Make the v2 frame of a line of v1."""
    event = json.loads(line)
    time = (_EPOCH + dt.timedelta(microseconds=event["time_us"])).isoformat(timespec="microseconds")
    payload: dict[str, Any] = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{event['kind']}",
        "seq": seq,
        "did": event["did"],
        "time": time.replace("+00:00", "Z"),
    }
    payload |= event["commit"] if event["kind"] == "commit" else {event["kind"]: event[event["kind"]]}
    frame = {"$type": "message", "payload": payload}
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()


@functools.cache
def make_dictionary(number: int) -> bytes:
    """Make a zstd dictionary with this id."""
    return zstandard.train_dictionary(8192, make_events(0, 3000, seed=9), dict_id=number).as_bytes()


class Fault(NamedTuple):
    """What goes wrong on one connection."""

    kind: str
    after: int = 0  # events of the connection
    value: int = 0


@dataclass
class JetstreamServer:
    """The stream of one server.

    Attributes:
        lines: Its events in the form of v1, by time.
        faults: Of each connection in turn, those that happen on it.
        floor_us: Where its history begins; a timestamp before it is clamped.
        live_from: Index of the event with which a connection without a cursor begins.
        v2_dictionary: Id of its current dictionary; None if it has none.
        per_second: Maximum number of events it sends in a second; None for no limit.
    """

    lines: Sequence[bytes]
    faults: Sequence[Sequence[Fault]] = ()
    floor_us: int = 0
    live_from: int = 0
    v2_dictionary: int | None = V2_DICTIONARY_ID
    per_second: float | None = None
    first_seq: int = _FIRST_SEQ
    always: Sequence[Fault] = ()

    def __post_init__(self) -> None:
        self.requests: list[str] = []
        self.pending = [list(faults) for faults in self.faults]
        self.times = [json.loads(line)["time_us"] for line in self.lines]
        self.frames = [to_v2(line, self.first_seq + at) for at, line in enumerate(self.lines)]
        self.port = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def url(self, protocol: str) -> str:
        return f"ws://127.0.0.1:{self.port}" + ("/subscribe" if protocol == "v1" else V2_PATH)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        if parts.path.endswith("getZstdDictionary"):
            if self.v2_dictionary is None:
                return connection.respond(HTTPStatus.NOT_FOUND, "")
            response = connection.respond(HTTPStatus.OK, "")
            response.body = make_dictionary(self.v2_dictionary)
            del response.headers["Content-Length"]
            response.headers["Content-Length"] = str(len(response.body))
            return response
        with self._lock:
            self.requests.append(request.path)
            faults = [*(self.pending.pop(0) if self.pending else []), *self.always]
        connection.faults = faults
        query = parse_qs(parts.query)
        for fault in faults:
            if fault.kind == "refuse":
                return connection.respond(HTTPStatus(fault.value), json.dumps({"error": "InternalError"}))
        if parts.path == V2_PATH:
            asked = int(query.get("zstdDictionary", [str(self.v2_dictionary or 0)])[0])
            if asked and asked != self.v2_dictionary:
                return connection.respond(HTTPStatus.BAD_REQUEST, json.dumps({"error": "UnknownZstdDictionary"}))
            cursor = int(query.get("cursor", ["0"])[0])
            if cursor and cursor < 10**15 and self._index(cursor, v2=True) is None:
                return connection.respond(HTTPStatus.BAD_REQUEST, json.dumps({"error": "CursorTooOld"}))
        return None

    def _index(self, cursor: int, *, v2: bool) -> int | None:
        floor = bisect_left(self.times, self.floor_us)
        if v2 and cursor < 10**15:
            at = cursor - self.first_seq
            return at if at >= floor else None
        return max(floor, bisect_left(self.times, cursor))

    def _handle(self, socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            self._stream(socket, socket.faults)

    def _stream(self, socket: ServerConnection, faults: list[Fault]) -> None:
        parts = urlsplit(socket.request.path)
        query = parse_qs(parts.query)
        v2 = parts.path == V2_PATH
        if query.get("requireHello") == ["true"]:
            payload = json.loads(socket.recv(timeout=10))["payload"]
            query["wantedDids"], query["wantedCollections"] = payload["wantedDids"], payload["wantedCollections"]
        pack = self._packer(query, v2=v2)
        at = self._index(int(query["cursor"][0]), v2=v2) if "cursor" in query else self.live_from
        for fault in faults:
            if fault.kind == "clamp":
                at = max(at, bisect_left(self.times, fault.value))
            elif fault.kind == "early":
                at = bisect_left(self.times, self.times[at] - fault.value) if at < len(self.times) else at
        asked = int(query.get("cursor", ["0"])[0])
        if (
            v2
            and asked >= 10**15
            and at < len(self.times)
            and self.times[at] - asked > SECOND
            and self.floor_us > asked
        ):
            info = {"$type": "network.bsky.jetstream.subscribeEvents#info", "name": "OutdatedCursor"}
            socket.send(
                pack(json.dumps({"$type": "message", "payload": info}).encode()), text=isinstance(pack(b"{}"), str)
            )
        self._send_all(socket, at, faults, pack, query, v2=v2)

    def _send_all(  # noqa: PLR0913 - one connection
        self,
        socket: ServerConnection,
        at: int,
        faults: list[Fault],
        pack: Any,
        query: dict[str, list[str]],
        *,
        v2: bool,
    ) -> None:
        collections = set(query.get("wantedCollections", []) + query.get("collections", []))
        dids = set(query.get("wantedDids", []) + query.get("dids", []))
        limit = int(query.get("maxMessageSizeBytes", ["0"])[0])
        source = self.frames if v2 else self.lines
        extra: dict[int, list[Fault]] = {}
        end: dict[int, Fault] = {}
        for fault in faults:
            if fault.kind in ("malformed", "oversize", "bad_zstd"):
                extra.setdefault(fault.after, []).append(fault)
            elif fault.kind in ("close", "abort", "stall", "too_slow"):
                end.setdefault(fault.after, fault)
        started = time.monotonic()
        for sent, index in enumerate([*_order(range(at, len(source)), faults), -1]):
            for fault in extra.get(sent, []):
                self._send_bad(socket, fault, limit)
            if sent in end:
                self._end(socket, end[sent])
                return
            if index < 0 or self.closing.is_set():
                break
            is_asked = not (collections or dids) or self._passes(index, collections, dids)
            if is_asked and not (limit and len(source[index]) > limit):
                socket.send(pack(source[index]))
            if self.per_second and sent % 16 == 0:
                self.closing.wait(max(0.0, (sent + 1) / self.per_second - (time.monotonic() - started)))
        self._end(socket, Fault("stall"))

    def _passes(self, index: int, collections: set[str], dids: set[str]) -> bool:
        event = json.loads(self.lines[index])
        if dids and event["did"] not in dids:
            return False
        return not collections or event["kind"] != "commit" or event["commit"]["collection"] in collections

    def _send_bad(self, socket: ServerConnection, fault: Fault, limit: int) -> None:
        if fault.kind == "malformed":
            socket.send('{"did":"did:plc:x","time_us":17408')
        elif fault.kind == "bad_zstd":
            socket.send(b"\x28\xb5\x2f\xfdgarbage")
        elif not limit:
            socket.send(json.dumps({"did": "x", "text": "y" * fault.value}))

    def _end(self, socket: ServerConnection, fault: Fault) -> None:
        if fault.kind == "close":
            socket.close(fault.value)
        elif fault.kind == "abort":  # the client sees 1006
            socket.close_socket()
        elif fault.kind == "too_slow":
            socket.send(json.dumps({"$type": "error", "error": "ConsumerTooSlow", "message": "m"}))
            socket.close(1008)
        else:
            while not self.closing.wait(0.05) and socket.state.name == "OPEN":
                pass

    def _packer(self, query: dict[str, list[str]], *, v2: bool):
        number = None
        if v2 and "zstdDictionary" in query:
            number = int(query["zstdDictionary"][0])
        elif not v2 and query.get("compress") == ["true"]:
            number = V1_DICTIONARY_ID
        if number is None:
            return bytes.decode
        return zstandard.ZstdCompressor(dict_data=zstandard.ZstdCompressionDict(make_dictionary(number))).compress


def _order(indices: Sequence[int], faults: list[Fault]) -> list[int]:
    """Return the indices as the faults have them sent: twice, out of order, or not at all."""
    order = list(indices)
    for fault in faults:
        here = fault.after
        if fault.kind == "reorder":
            block = order[here : here + fault.value]
            random.Random(here).shuffle(block)  # noqa: S311 - a test
            order[here : here + fault.value] = block
        elif fault.kind == "duplicate":
            order[here:here] = order[max(0, here - fault.value) : here]
        elif fault.kind == "lose":
            del order[here : here + fault.value]
    return order


@contextmanager
def running(*servers: JetstreamServer) -> Iterator[None]:
    """Run servers, each on a free port, while the block lasts."""
    threads = []
    started = []
    for server in servers:
        listening = serve(
            server._handle, "127.0.0.1", 0, compression=None, process_request=server._answer, close_timeout=0.1
        )
        server.port = listening.socket.getsockname()[1]
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        started.append((server, listening))
        threads.append(thread)
    try:
        yield
    finally:
        for server, listening in started:
            server.closing.set()
            listening.shutdown()
        for thread in threads:
            thread.join(timeout=5)
