"""Recording a stream: events a CPU second with and without dictionary, bytes on disk to raw bytes, and memory.

A server in a process of its own sends an hour of made-up events as fast as they are taken. Beside the recorder: a loop
that only writes what it receives to a file, and the loop of the atproto SDK where it is installed (its v2 client, which
builds a model of every event). The clients take turns, and ratios are medians over the rounds.

Usage: python benchmarks/bench_capture.py [--events 200000] [--rounds 3] [--lines FILE]
`--lines` takes events in the form of v1 from a file instead, each with a new time, and over again with new keys
until there are enough.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

sys.path.insert(0, str(Path(__file__).parents[1]))

from persona_assets.recording.record import record_stream
from persona_assets_tests.jetstream_server import (
    V1_DICTIONARY_ID,
    V2_DICTIONARY_ID,
    V2_PATH,
    make_dictionary,
    make_events,
    micro,
    to_v2,
)

START = micro("2025-03-01T12:00:00")
HOUR_US = 3_600_000_000
MIB = 1 << 20


def read_events(number: int, source: Path | None) -> list[bytes]:
    """Make `number` lines of v1, evenly over an hour; from a file with new times, revisions and keys."""
    spacing = HOUR_US // number
    if source is None:
        return make_events(START, number, spacing_us=spacing)
    events = [json.loads(line) for line in source.read_bytes().splitlines() if line.strip()]
    lines = []
    for at in range(number):
        event = events[at % len(events)] | {"time_us": START + at * spacing}
        if "commit" in event and at >= len(events):
            event["commit"] = event["commit"] | {"rev": f"3k{at:011d}", "rkey": f"3l{at:011d}"}
        for kind in ("account", "identity"):
            if kind in event:
                event[kind] = event[kind] | {"seq": at}
        lines.append(json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())
    return lines


def frame_message(message: bytes, *, is_text: bool) -> bytes:
    """Frame a message as a server's WebSocket frame, so that the server costs next to nothing."""
    size = len(message)
    head = bytes([0x81 if is_text else 0x82])
    if size < 126:  # noqa: PLR2004 - RFC 6455
        return head + bytes([size]) + message
    if size < 65536:  # noqa: PLR2004 - the same
        return head + b"\x7e" + size.to_bytes(2, "big") + message
    return head + b"\x7f" + size.to_bytes(8, "big") + message


def serve_streams(lines: list[bytes], port: "multiprocessing.SimpleQueue[int]") -> None:
    """Serve the events to everyone from the beginning: v1 and v2, plain or with the dictionary asked for."""
    from websockets.sync.server import serve  # noqa: PLC0415 - in the process of the server

    sources = {"v1": lines, "v2": [to_v2(line, 1000 + at) for at, line in enumerate(lines)]}
    made: dict[tuple[str, int], bytes] = {}
    for version, number in (("v1", 0), ("v1", V1_DICTIONARY_ID), ("v2", 0), ("v2", V2_DICTIONARY_ID)):
        pack = bytes
        if number:
            data = zstandard.ZstdCompressionDict(make_dictionary(number))
            pack = zstandard.ZstdCompressor(dict_data=data).compress
        made[version, number] = b"".join(frame_message(pack(line), is_text=not number) for line in sources[version])

    def answer(connection: Any, request: Any) -> Any:
        if "getZstdDictionary" not in request.path:
            return None
        response = connection.respond(200, "")
        response.body = make_dictionary(V2_DICTIONARY_ID)
        del response.headers["Content-Length"]
        del response.headers["Content-Type"]
        response.headers["Content-Length"] = str(len(response.body))
        response.headers["Content-Type"] = "application/octet-stream"
        return response

    def stream(socket: Any) -> None:
        path = socket.request.path
        version = "v2" if V2_PATH in path else "v1"
        is_packed = "zstdDictionary=" in path or "compress=true" in path
        number = (V2_DICTIONARY_ID if version == "v2" else V1_DICTIONARY_ID) if is_packed else 0
        socket.socket.sendall(made[version, number])
        time.sleep(60)

    with serve(stream, "127.0.0.1", 0, compression=None, process_request=answer) as server:
        port.put(server.socket.getsockname()[1])
        server.serve_forever()


def measure_recording(url: str, root: Path, number: int, dictionaries: dict[int, bytes]) -> tuple[int, int]:
    """Record all events; return the bytes of their lines and of the files."""
    stop = threading.Event()
    made = record_stream(
        root,
        urls=[url],
        dictionaries=dictionaries,
        stop=stop,
        on_progress=lambda progress: progress.events >= number and stop.set(),
        finish_files=True,
    )
    assert made.events == number
    return made.raw_bytes, sum(file.stat().st_size for file in root.glob("*/*.zst"))


def dump_stream(url: str, root: Path, number: int, _: dict[int, bytes]) -> tuple[int, int]:
    """Write each message to a file, as `websocat URL > FILE` does."""
    from websockets.sync.client import connect  # noqa: PLC0415 - in the process of the client

    with connect(url, compression=None, max_size=None) as socket, (root / "dump").open("wb") as file:
        for _ in range(number):
            file.write(socket.recv(decode=False) + b"\n")
        socket.close_socket()
    size = (root / "dump").stat().st_size
    return size, size


def follow_with_sdk(url: str, root: Path, number: int, _: dict[int, bytes]) -> tuple[int, int]:
    """Take the events as models of the SDK, and write them as JSON."""
    from atproto_jetstream import JetstreamClient  # noqa: PLC0415 - optional, and in the process of the client

    host = url.split("/xrpc", maxsplit=1)[0]
    client = JetstreamClient(base_uri=f"{host}/xrpc")
    seen = 0
    with (root / "sdk").open("wb") as file:

        def take(message: Any) -> None:
            nonlocal seen
            file.write(message.model_dump_json(by_alias=True).encode() + b"\n")
            seen += 1
            if seen == number:
                client.stop()

        client.start(take)
    return 0, (root / "sdk").stat().st_size


def read_peak_memory() -> int:
    """Return the peak memory of this process in bytes; `getrusage` would count that of its parent too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def measure(work: Callable[..., tuple[int, int]], results: Any, *arguments: Any) -> None:
    """Run in a process of its own, and report CPU seconds, peak memory and what came out."""
    with tempfile.TemporaryDirectory() as folder:
        before = time.process_time()
        raw, stored = work(arguments[0], Path(folder), *arguments[1:])
        seconds = time.process_time() - before
    results.put((seconds, read_peak_memory(), raw, stored))


def main() -> None:
    """Measure all clients in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=Path)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port = context.SimpleQueue()
    server = context.Process(target=serve_streams, args=(read_events(options.events, options.lines), port), daemon=True)
    server.start()
    host = f"ws://127.0.0.1:{port.get()}"
    v1, v2 = f"{host}/subscribe", f"{host}{V2_PATH}"
    dictionary = {V1_DICTIONARY_ID: make_dictionary(V1_DICTIONARY_ID)}
    clients = {
        "plain dump (v1)": (dump_stream, v1, {}),
        "recorder, v1": (measure_recording, v1, {}),
        "recorder, v1 with dictionary": (measure_recording, v1, dictionary),
        "recorder, v2 with dictionary": (measure_recording, v2, {}),
        "atproto SDK (v2)": (follow_with_sdk, v2, {}),
    }
    rates: dict[str, list[float]] = {name: [] for name in clients}
    others: dict[str, tuple[float, float]] = {}
    for _ in range(options.rounds):
        for name, (work, url, dictionaries) in clients.items():
            results = context.SimpleQueue()
            process = context.Process(target=measure, args=(work, results, url, options.events, dictionaries))
            process.start()
            process.join()
            if process.exitcode:
                print(f"{name}: did not run", file=sys.stderr)
                continue
            seconds, memory, raw, stored = results.get()
            rates[name].append(options.events / seconds)
            others[name] = (memory / MIB, stored / raw if raw else float("nan"))
    server.kill()
    print(f"{options.events:,} events of an hour, {options.rounds} rounds in turns")
    print(f"{'client':30} {'events/CPU s':>14} {'to plain dump':>14} {'peak MiB':>9} {'disk/raw':>9}")
    base = rates["plain dump (v1)"]
    for name, values in rates.items():
        if values:
            ratio = statistics.median(rate / other for rate, other in zip(values, base, strict=True))
            memory, stored = others[name]
            share = f"{stored:9.2f}" if stored == stored else f"{'-':>9}"  # noqa: PLR0124 - NaN
            print(f"{name:30} {statistics.median(values):14,.0f} {ratio:14.2f} {memory:9.0f} {share}")


if __name__ == "__main__":
    main()
