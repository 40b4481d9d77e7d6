"""What archive segments cost until they are `raw_events`, against the same events as lines of JSON.

    python benchmarks/bench_archive.py [--events 300000] [--rounds 5] [--folder DIR]

Makes a segment, and one file of the JSON lines that the server's stream would send for its events: plain, and
compressed with zstd. Each way reads its file in a process of its own, in turn, round after round. CPU seconds count the
process without imports: from the file to the finished Parquet file, and to sorted runs alone. Both ways must give the
same bytes.
"""

import argparse
import hashlib
import io
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import zstandard

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_raw_events import MIDNIGHT_US, _base32, _make_lines

from persona_assets.archive.blocks import decode_block
from persona_assets.archive.event_lines import format_event_lines
from persona_assets.archive.segment_files import read_block_frame, read_segment_index
from persona_assets_tests.archive.segments import event_row, in_blocks, write_segment

DAY = "2025-03-01"
BLOCK_EVENTS = 4096
WAYS = {"segment": "seg_0000000001.jss", "JSON lines": "events.jsonl", "JSON lines, zstd": "events.jsonl.zst"}


def make_captures(folder: Path, events: int) -> dict[str, int]:
    """Write the same events in each form, each in a capture of its own, and return the sizes in bytes."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("etaoinshrdlucmfw"), size=size)) for size in rng.integers(2, 9, size=5000)]
    dids = [f"did:plc:{_base32(rng, 24)}" for _ in range(max(1000, events // 20))]
    files = (json.loads(line) for number in itertools.count() for line in _make_lines(rng, words, dids, number, 10_000))
    found = sorted(itertools.islice(files, events), key=lambda event: event["time_us"])
    rows = [event_row(event, number) for number, event in enumerate(found, 1)]
    contents = {"segment": write_segment(in_blocks(rows, BLOCK_EVENTS))}
    contents["JSON lines"] = b"".join(line + b"\n" for line in lines_of(contents["segment"]))
    contents["JSON lines, zstd"] = zstandard.ZstdCompressor().compress(contents["JSON lines"])
    for way, content in contents.items():
        path = folder / way.replace(" ", "-") / DAY / WAYS[way]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert MIDNIGHT_US <= found[0]["time_us"] <= found[-1]["time_us"] < MIDNIGHT_US + 86_400_000_000
    return {way: len(content) for way, content in contents.items()}


def lines_of(content: bytes) -> Iterator[bytes]:
    """Yield the events of a segment as lines."""
    file = io.BytesIO(content)
    for number, entry in enumerate(read_segment_index(file, file_bytes=len(content), name="a").blocks):
        frame = read_block_frame(file, entry, name="a", number=number)
        yield from format_event_lines(decode_block(frame, segment_name="a", block_number=number))


def measure(capture: Path) -> dict[str, object]:
    """Parse a capture in this process, and return its cost and a digest of its table."""
    import datetime as dt  # noqa: PLC0415 - of the child alone

    from upath import UPath  # noqa: PLC0415 - of the child alone

    from persona_assets.assets.raw_events.parse import parse_files  # noqa: PLC0415 - of the child alone
    from persona_assets.assets.raw_events.read_files import read_files_into_runs  # noqa: PLC0415 - of the child alone
    from persona_assets.capture.files import find_files  # noqa: PLC0415 - of the child alone

    day = dt.date.fromisoformat(DAY)
    files = find_files(UPath(capture), day, pattern=None)
    with tempfile.TemporaryDirectory() as folder:
        before = used_cpu()
        read_files_into_runs(files, day, Path(folder) / "runs")
        runs = used_cpu() - before
    with tempfile.TemporaryDirectory() as folder:
        before = used_cpu()
        parsed = parse_files(files, day=day, workers=1, scratch=Path(folder))
        whole = used_cpu() - before
        digest = hashlib.sha256(parsed.raw_events.read_bytes()).hexdigest()
    # The peak of this process alone: `ru_maxrss` begins with that of the parent.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    return {"events": parsed.counts.events, "whole": whole, "runs": runs, "digest": digest, "peak": peak}


def used_cpu() -> float:
    """Return the CPU seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print events per CPU second of each way, and the ratios to the first way of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        sizes = make_captures(folder, options.events)
        found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _, way in itertools.product(range(options.rounds), WAYS):
            command = [sys.executable, __file__, "--measure", str(folder / way.replace(" ", "-"))]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)
            found[way].append(json.loads(ran.stdout))
    assert len({run["digest"] for runs in found.values() for run in runs}) == 1, "the ways differ"
    print(f"{options.events} events, {options.rounds} rounds; medians, and ratios within rounds")
    print(
        f"{'way':18} {'MB':>7} {'to Parquet/CPU s':>17} {'ratio':>6} {'to runs/CPU s':>14} {'ratio':>6} {'peak MB':>8}"
    )
    for way, runs in found.items():
        cells = [f"{way:18} {sizes[way] / 1e6:7.1f}"]
        for part, width in (("whole", 17), ("runs", 14)):
            rate = options.events / statistics.median(run[part] for run in runs)
            ratios = [json_run[part] / run[part] for json_run, run in zip(found["JSON lines"], runs, strict=True)]
            cells.append(f"{rate:{width},.0f} {statistics.median(ratios):6.2f}")
        print(*cells, f"{max(run['peak'] for run in runs):8}")


if __name__ == "__main__":
    main()
