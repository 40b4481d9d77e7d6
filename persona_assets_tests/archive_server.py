"""A server of Jetstream's archive on this machine, which does by script what servers do wrong."""

import io
import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import NamedTuple

from persona_assets.archive.segment_files import read_segment_index
from persona_assets_tests.archive.segments import checksum_of

PREFIX = "/xrpc/network.bsky.jetstream."


class Fault(NamedTuple):
    """What the server answers in place of the right thing, once."""

    status: int = 200
    headers: Mapping = MappingProxyType({})
    body: bytes = b"{}"
    cut_after: int | None = None  # bytes of the right answer, after which the connection is closed
    replace: Callable[[bytes], bytes] | None = None  # what becomes of the right answer
    act: Callable[[], None] | None = None  # what happens before


class ArchiveServer:
    """Serves segments by name, in the order of their names."""

    def __init__(self, segments, *, token=None, page=1000, mode="segment"):
        self.segments = dict(sorted(segments.items()))
        self.token, self.page, self.mode = token, page, mode
        self.requests = []  # (name, query, headers, body)
        self.faults = []  # (name of the request, Fault), each used once
        self.url = None
        self.ranges = True

    def about(self, name):
        content = self.segments[name]
        read = read_segment_index(io.BytesIO(content), file_bytes=len(content), name=name)
        return {
            "name": name,
            "index": list(self.segments).index(name),
            "checksum": checksum_of(content),
            "sizeBytes": len(content),
            "eventCount": read.events,
            "minSeq": read.min_seq,
            "maxSeq": read.max_seq,
            "minWitnessedAt": read.min_witnessed_us,
            "maxWitnessedAt": read.max_witnessed_us,
        }, read

    def list_segments(self, query):
        start = int(query.get("cursor", 0))
        names = list(self.segments)
        answer = {"segments": [self.about(name)[0] for name in names[start : start + self.page]]}
        return answer | ({"cursor": str(start + self.page)} if start + self.page < len(names) else {})

    def plan_snapshot(self, asked):
        after = asked.get("afterSeq", 0)
        listed = [self.about(name) for name in self.segments]
        tip = min(max(about["maxSeq"] for about, _ in listed), asked.get("beforeSeq", 2**62))
        wanted = [pair for pair in listed if pair[0]["maxSeq"] > after and pair[0]["minSeq"] <= tip][: self.page]
        planned = []
        for about, read in wanted:
            entry = {name: about[name] for name in ("name", "index", "checksum", "minSeq", "maxSeq")}
            entry["mode"] = self.mode
            if self.mode == "blocks":
                entry["blocks"] = [{"first": 0, "last": len(read.blocks) - 1}]
            planned.append(entry)
        through = tip if len(wanted) < self.page else wanted[-1][0]["maxSeq"]
        stats = {"blocksMatched": 0, "entries": 0, "segmentsExamined": 0, "segmentsMatched": 0}
        return {"plannedThroughSeq": through, "sealedTipSeq": tip, "segments": planned, "stats": stats}

    def asked_for(self, name):
        return [request for request in self.requests if request[0] == name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body):
        server = self.server.archive
        address = urllib.parse.urlsplit(self.path)
        name, query = address.path.removeprefix(PREFIX), dict(urllib.parse.parse_qsl(address.query))
        server.requests.append((name, query, dict(self.headers), body))
        fault = next((pair for pair in server.faults if pair[0] == name), None)
        if fault:
            server.faults.remove(fault)
            fault = fault[1]
            if fault.act:
                fault.act()
            if fault.status != 200:
                self.send(fault.status, fault.headers, fault.body)
                return
        if server.token is not None and self.headers["Authorization"] != f"Bearer {server.token}":
            self.send(401, {}, b'{"error":"AuthRequired","message":"no"}')
            return
        status, headers, content = getattr(self, name)(server, query, body)
        if fault and fault.replace:
            content = fault.replace(content)
        self.send(status, headers, content, cut_after=fault.cut_after if fault else None)

    def listSegments(self, server, query, body):  # noqa: N802 - named as the request
        del body
        return 200, {}, json.dumps(server.list_segments(query)).encode()

    def planSnapshot(self, server, query, body):  # noqa: N802 - named as the request
        del query
        return 200, {}, json.dumps(server.plan_snapshot(json.loads(body))).encode()

    def getSegment(self, server, query, body):  # noqa: N802 - named as the request
        del body
        content = server.segments[query["name"]]
        if self.headers["If-Match"] not in (None, f'"{checksum_of(content)}"'):
            return 412, {}, b"{}"
        asked = self.headers["Range"]
        if not asked or not server.ranges:
            return 200, {"ETag": f'"{checksum_of(content)}"'}, content
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        return 206, {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}, content[start:]

    def getBlock(self, server, query, body):  # noqa: N802 - named as the request
        del body
        content = server.segments[query["segment"]]
        if self.headers["If-Match"] not in (None, f'"{checksum_of(content)}"'):
            return 412, {}, b"{}"
        _, read = server.about(query["segment"])
        entry = read.blocks[int(query["blockIndex"])]
        return 200, {}, content[entry.offset + 8 : entry.offset + 8 + entry.compressed_bytes]

    def send(self, status, headers, content, *, cut_after=None):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if cut_after is None else content[:cut_after])
        if cut_after is not None:
            self.close_connection = True

    def log_message(self, *args):
        pass


@contextmanager
def serving(archive):
    """Serve an archive while the block runs, and yield it with its `url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.archive = archive
    archive.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
