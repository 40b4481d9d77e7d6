"""Measure every asset on a day of millions of events, each in a process of its own, with a model that costs nothing.

    python benchmarks/bench_day.py                                     # 2 million events, 1 GB: some minutes
    python benchmarks/bench_day.py --millions 2 10 --memory-limit 1GB  # two days, and how costs grow
    python benchmarks/bench_day.py --before ../before                  # next to an earlier commit's checkout
    python benchmarks/bench_day.py --days 7                            # a window of seven such days
    python benchmarks/bench_day.py --only-capture --folder DIR         # makes the capture and stops

The day is a sample capture, multiplied: each copy has users, record keys, CIDs and times of its own, and half of the
words of its English texts are other words of the sample with as many letters. Messages are 13 % of the events, as on
Bluesky; two neighbouring copies share their users, which then have 26 events each, as there. With several days, the
same users write other texts each day. Assets of a window are made for the last day; for the others, CPU and wall time
are sums over the days, and memory, scratch and silence those of the worst day.

CPU is that of the process and its workers, with 4 s for imports. The peak is the sum of the resident memory of the
process and its workers, sampled 20 times a second; "without files" leaves out pages of mapped files (libraries, and
scratch), which the system frees when memory is short. The limit holds if that is at most PERSONA_MEMORY_LIMIT + 25 % +
300 MB. Scratch is what the temporary folder holds, deleted files that are still open included, as a share of the
capture's bytes. Silence is the longest time without a line of the log, after the first one: before it, the process
imports Dagster and, for `embeddings`, torch.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import gzip
import hashlib
import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
DAY = dt.date(2025, 3, 1)
SEED = 11
SEED_USERS = 4_000  # 51,000 events
# The sample has more messages than Bluesky: of its messages this share is left out.
LEFT_OUT_MESSAGES = 0.4
COPIES_PER_USER = 2
KEPT_TEXTS = 0.15  # share of the texts that a copy leaves as they are, so that texts repeat
FILE_BYTES = 1 << 25
PERSONA_ASSETS = (
    "raw_events",
    "consent_records",
    "consents",
    "user_actions",
    "english_posts",
    "embeddings",
    "english_users",
    "clusters",
    "cluster_jsonl",
    "persona_phrases",
    "lineage",
    "persona_labels",
    "cluster_stats",
)
ASSETS = (*PERSONA_ASSETS, "user_assignments", "agent_profiles", "dataset")
# Made for each day; the others are made for the window that ends on the last day, or have no days.
DAILY_ASSETS = {"raw_events", "consent_records", "user_actions", "english_posts", "embeddings"}
POLL_SECONDS = 0.05
MEGABYTE = 1e6


# ---------------------------------------------------------------- the capture

_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_CODES = np.zeros(256, np.uint8)
_CODES[_ALPHABET] = np.arange(32, dtype=np.uint8)
# What a copy changes, as (pattern, position of the first letter that changes, number of letters). Of a record key only
# the last letters change, so that it still says about when the record was made.
_DID, _CID = (rb"did:plc:[a-z2-7]{24}", 8, 24), (rb"bafyrei[a-z2-7]{52}", 7, 52)
_TID = (rb"(?<=[/\"])3l[a-z2-7]{11}(?=\")", 6, 7)
_TIME = re.compile(rb'"time_us":(\d{16})')
_TEXT = re.compile(rb'"langs":\["en"\].*?"text":"((?:[^"\\]|\\.)*)"')
_WORD = re.compile(rb"\b[a-z]{3,10}\b")
_MESSAGE = re.compile(rb'"operation":"create","collection":"app\.bsky\.feed\.post"')


class _Letters(NamedTuple):
    """Letters of a file that a copy shifts: their positions, their base-32 digits, and the column of the shift."""

    at: npt.NDArray[np.int64]
    digits: npt.NDArray[np.uint8]
    columns: npt.NDArray[np.int64]


class _Words(NamedTuple):
    """Words of equal length: positions of their first letters, the numbers of their texts, and their letters."""

    at: npt.NDArray[np.int64]
    texts: npt.NDArray[np.int64]
    letters: npt.NDArray[np.uint8]  # (n_words, length)


@dataclasses.dataclass
class SeedFile:
    """The lines of one file of the sample, and the positions of what a copy of them changes."""

    name: str
    body: npt.NDArray[np.uint8]
    lines: int
    start_us: int  # of the half hour that the file covers
    dids: _Letters
    keys: _Letters
    times: npt.NDArray[np.int64]  # positions of the 16 digits of each time
    words: list[_Words]
    texts: int


def find_letters(body: bytes, patterns: list[tuple[bytes, int, int]]) -> _Letters:
    """Return the letters of a file's ids that a copy shifts."""
    starts, columns, first = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0
    for pattern, skipped, length in patterns:
        found = np.array([match.start() for match in re.finditer(pattern, body)], np.int64)
        starts.append((found[:, None] + skipped + np.arange(length)).ravel())
        columns.append(np.tile(np.arange(first, first + length), len(found)))
        first += length
    at = np.concatenate(starts)
    return _Letters(at, _CODES[np.frombuffer(body, np.uint8)[at]], np.concatenate(columns))


def find_words(body: bytes) -> tuple[list[_Words], int]:
    """Return the English words of a file by their length, and the number of English texts."""
    found: dict[int, list[tuple[int, int]]] = {}
    texts = 0
    for line in re.finditer(rb"[^\n]+", body):
        text = _TEXT.search(line.group())
        if text is None:
            continue
        start = line.start() + text.start(1)
        for word in _WORD.finditer(text.group(1)):
            found.setdefault(len(word.group()), []).append((start + word.start(), texts))
        texts += 1
    array = np.frombuffer(body, np.uint8)
    words: list[_Words] = []
    for length, places in sorted(found.items()):
        at, numbers = np.array(places, np.int64).T
        words.append(_Words(at, numbers, array[at[:, None] + np.arange(length)]))
    return words, texts


def read_seed(folder: Path) -> list[SeedFile]:
    """Make a sample capture, and find in each of its files what a copy changes."""
    from persona_assets.sample.write import write_capture  # noqa: PLC0415 - of the checkout that is measured

    rng = np.random.default_rng(SEED)
    write_capture(folder / "seed", days=1, start_date=DAY, users=SEED_USERS, personas=8, seed=SEED)
    files: list[SeedFile] = []
    for path in sorted((folder / "seed").rglob("bluesky-2-*"), key=lambda file: file.name):
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        lines = [
            line
            for line in content.split(b"\n")
            if _TIME.search(line) and not (_MESSAGE.search(line) and rng.random() < LEFT_OUT_MESSAGES)
        ]
        body = b"\n".join(lines) + b"\n"
        hour, minute = (int(part) for part in path.name.split("-")[5:7])
        start = dt.datetime.combine(DAY, dt.time(hour, minute), dt.UTC)
        words, texts = find_words(body)
        files.append(
            SeedFile(
                name=f"{hour:02}/bluesky-2-{DAY}-{hour:02}-{minute:02}-00",
                body=np.frombuffer(body, np.uint8),
                lines=len(lines),
                start_us=int(start.timestamp()) * 1_000_000,
                dids=find_letters(body, [_DID]),
                keys=find_letters(body, [_CID, _TID]),
                times=np.array([match.start(1) for match in _TIME.finditer(body)], np.int64),
                words=words,
                texts=texts,
            )
        )
    shutil.rmtree(folder / "seed")
    return files


def copy_lines(seed: SeedFile, copy: int, copies: int, day: int = 0) -> bytes:
    """Return the lines of a copy on the day of this number; those of all copies of a file are in the order of time."""
    start_us = seed.start_us + day * 86_400_000_000
    rng = np.random.default_rng([SEED, copy, start_us // 1_000_000])
    body = seed.body.copy()
    of_users = np.random.default_rng([SEED, copy // COPIES_PER_USER]).integers(0, 32, _DID[2], dtype=np.uint8)
    of_records = np.random.default_rng([SEED + 1, copy, day]).integers(0, 32, _CID[2] + _TID[2], dtype=np.uint8)
    for letters, shift in ((seed.dids, of_users), (seed.keys, of_records)):
        body[letters.at] = _ALPHABET[(letters.digits + shift[letters.columns]) & 31]
    changed = rng.random(seed.texts) >= KEPT_TEXTS
    for words in seed.words:
        rows = np.flatnonzero(changed[words.texts] & (rng.random(len(words.at)) < 1 / 2))
        others = rng.integers(0, len(words.at), len(rows))
        body[words.at[rows, None] + np.arange(words.letters.shape[1])] = words.letters[others]
    step = 1_800_000_000 / (copies * len(seed.times))
    times = start_us + ((copy * len(seed.times) + np.arange(len(seed.times))) * step).astype(np.int64)
    powers = 10 ** np.arange(15, -1, -1, dtype=np.int64)
    body[seed.times[:, None] + np.arange(16)] = (times[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return body.tobytes()


def make_capture(folder: Path, events: int, days: int = 1) -> dict[str, float]:
    """Write days of about `events` events each below `folder / "capture"`; return counts of all, and the cost."""
    start = time.process_time()
    seed = read_seed(folder)
    before = time.process_time()
    copies = max(1, round(events / sum(file.lines for file in seed)))
    size = 0
    for day, file in itertools.product(range(days), seed):
        date = DAY + dt.timedelta(day)
        root = folder / "capture" / f"bluesky-{date:%Y-%m}" / f"{date:%d}"
        copies_per_file = max(1, FILE_BYTES // len(file.body))
        for number, first in enumerate(range(0, copies, copies_per_file)):
            path = root / f"{file.name.replace(str(DAY), str(date))}-{number:05}"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                for copy in range(first, min(first + copies_per_file, copies)):
                    size += out.write(copy_lines(file, copy, copies, day))
    written = days * copies * sum(file.lines for file in seed)
    return {
        "events": written,
        "bytes": size,
        "rate": written / (time.process_time() - before),
        "seed_seconds": before - start,
    }


# ---------------------------------------------------------------- one asset


def use_free_model() -> None:
    """Let `embeddings` and `persona_phrases` of this process have a network that costs nothing."""
    from bench_machinery import load_free_model  # noqa: PLC0415 - torch

    from persona_assets.text_encoder import model  # noqa: PLC0415 - of the checkout that is measured

    free = load_free_model()
    model.load_model = lambda *_, **__: free


def materialize_asset(defs: Any, name: str, instance: Any, day: dt.date = DAY) -> bool:
    """Materialize one asset of a day in this process, and return whether it succeeded."""
    import dagster as dg  # noqa: PLC0415 - 2 s

    assets = [asset for asset in defs.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    asset = next(asset for asset in assets if dg.AssetKey(name) in asset.keys)
    return dg.materialize(
        [asset, *(other for other in assets if other is not asset)],
        selection=[dg.AssetKey(name)],
        partition_key=str(day) if asset.partitions_def else None,
        resources=defs.resources,
        instance=instance,
    ).success


def run_asset(name: str, day: dt.date) -> None:
    """Materialize one asset of a day in this process, as the environment's settings say."""
    import dagster as dg  # noqa: PLC0415 - 2 s

    if name == "embeddings":
        use_free_model()
    from persona_assets.definitions import defs  # noqa: PLC0415 - of the checkout that is measured

    with dg.DagsterInstance.ephemeral(tempdir=os.environ["DAGSTER_HOME"]) as instance:
        sys.exit(0 if materialize_asset(defs, name, instance, day) else 1)


class Watcher:
    """Samples the memory of a process and its children and the size of a folder until it is stopped."""

    def __init__(self, pid: int, scratch: Path) -> None:
        """Begin to sample in a thread."""
        self._pid, self._scratch = pid, scratch
        self._is_over = threading.Event()
        self.peak_bytes = self.peak_without_files = self.scratch_bytes = 0
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._is_over.wait(POLL_SECONDS):
            pids = list(list_processes(self._pid))
            found = [read_resident_bytes(pid) for pid in pids]
            self.peak_bytes = max(self.peak_bytes, sum(resident for resident, _ in found))
            self.peak_without_files = max(self.peak_without_files, sum(own for _, own in found))
            self.scratch_bytes = max(self.scratch_bytes, measure_scratch(pids, self._scratch))


def list_processes(pid: int) -> Iterator[int]:
    """Yield a process and all below it."""
    yield pid
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from list_processes(int(child))
    except OSError:  # it has ended
        return


def read_resident_bytes(pid: int) -> tuple[int, int]:
    """Return the resident memory of a process, with and without pages of mapped files; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0, 0
    sizes = {name: 1024 * int(size) for name, size in re.findall(r"^(Rss\w+|VmRSS):\s+(\d+) kB", status, re.MULTILINE)}
    return sizes.get("VmRSS", 0), sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)


def measure_scratch(pids: list[int], scratch: Path) -> int:
    """Return the bytes on disk of the files below a folder, those included that are deleted and still open."""
    blocks: dict[tuple[int, int], int] = {}
    deleted: list[str] = []
    for pid in pids:
        try:
            for fd in os.scandir(f"/proc/{pid}/fd"):
                target = os.readlink(fd.path)  # noqa: PTH115 - ten times as fast, and there are many
                if target.startswith(str(scratch)) and target.endswith(" (deleted)"):
                    deleted.append(fd.path)
        except OSError:  # it has ended, or closed the file
            continue
    for path in (*(file.path for file in walk(scratch)), *deleted):
        try:
            found = os.stat(path)  # noqa: PTH116 - the same
        except OSError:
            continue
        blocks[found.st_dev, found.st_ino] = found.st_blocks
    return 512 * sum(blocks.values())


def walk(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder; what vanishes meanwhile is left out."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)
            else:
                yield entry
    except OSError:
        return


def make_settings(checkout: Path, folder: Path, data: Path, memory_limit: str, days: int = 1) -> dict[str, str]:
    """Return the environment of a process that runs assets of `checkout` on the days in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}
    return kept | {
        "PYTHONPATH": f"{checkout}:{ROOT / 'benchmarks'}",
        "DAGSTER_HOME": str(folder / "home"),
        "TMPDIR": str(folder / "scratch"),
        "PERSONA_CAPTURE": str(folder / "capture"),
        "PERSONA_DATA": str(data),
        "PERSONA_START_DATE": str(DAY),
        "PERSONA_END_DATE": str(DAY + dt.timedelta(days - 1)),
        "PERSONA_WINDOW_DAYS": str(days),
        "PERSONA_MEMORY_LIMIT": memory_limit,
        "PERSONA_N_CLUSTERS": "25",
    }


def measure_asset(name: str, settings: dict[str, str], folder: Path, data: Path, days: int = 1) -> dict[str, Any]:
    """Run one asset in a process of its own for each of its days, and return what it cost."""
    first = 0 if name in DAILY_ASSETS else days - 1
    costs = [
        measure_process(["--asset", name, "--day", str(DAY + dt.timedelta(day))], settings, folder, data)
        for day in range(first, days)
    ]
    total = {what: max(cost[what] for cost in costs) for what in costs[0] if what != "digest"}
    total |= {what: sum(cost[what] for cost in costs) for what in ("cpu", "wall")}
    return total | {"digest": digest_results(data)}


def measure_process(arguments: list[str], settings: dict[str, str], folder: Path, data: Path) -> dict[str, Any]:
    """Run this script with arguments in a process of its own, and return what it cost."""
    scratch = folder / "scratch"
    for path in (scratch, folder / "home", data):
        path.mkdir(exist_ok=True)
    command = [sys.executable, __file__, *arguments]
    start = last = time.monotonic()
    silence, lines = 0.0, list[str]()
    process = subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watcher = Watcher(process.pid, scratch)
    assert process.stdout is not None
    for line in process.stdout:
        now = time.monotonic()
        silence, last = max(silence, now - last) if lines else 0.0, now
        lines.append(line)
    watcher.stop()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.write("".join(lines[-60:]))
    shutil.rmtree(scratch)
    return {
        "failed": process.returncode != 0,
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.monotonic() - start,
        "peak": max(watcher.peak_bytes, usage.ru_maxrss * 1024),
        "peak_without_files": watcher.peak_without_files,
        "scratch": watcher.scratch_bytes,
        "silence": max(silence, time.monotonic() - last),
    }


def digest_results(data: Path) -> str:
    """Return a hash of the names and contents of all results so far, without the vector store."""
    digest = hashlib.sha256()
    for file in sorted(data.rglob("*")):
        parts = file.relative_to(data).parts
        if file.is_file() and parts[0] != "vector_store" and not any(part.startswith(".") for part in parts):
            digest.update("/".join(parts).encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


# ---------------------------------------------------------------- the tables


def parse_limit(limit: str) -> float:
    """Return the bytes of a limit such as "4GB" or "512MB"."""
    return float(limit[:-2]) * {"MB": 1e6, "GB": 1e9}[limit[-2:]]


Costs = dict[str, dict[str, dict[str, Any]]]  # by checkout, then by asset


def measure_day(given: argparse.Namespace, checkouts: dict[str, Path], events: int, folder: Path) -> Costs:
    """Make a day, run every asset on it in each checkout, and print the table."""
    made = make_capture(folder, events, given.days)
    print(
        f"\n{made['events']:,} events on {given.days} day(s), {made['bytes'] / 1e9:.2f} GB, made at "
        f"{made['rate']:,.0f} events a CPU second after {made['seed_seconds']:.1f} s for the sample; "
        f"limit {given.memory_limit}\n",
        flush=True,
    )
    if given.only_capture:
        return {}
    columns = (
        "asset",
        "checkout",
        "CPU s",
        "wall s",
        "peak MB",
        "without files",
        "limit holds",
        "scratch, of the capture",
    )
    print(f"| {' | '.join((*columns, 'silence s', 'same bytes'))} |\n|{'---|' * 10}", flush=True)
    limit = parse_limit(given.memory_limit) * 1.25 + 300e6
    costs: Costs = {name: {} for name in checkouts}
    for asset in given.assets:
        for name, checkout in checkouts.items():
            data = folder / f"data-{name}"
            settings = make_settings(checkout, folder, data, given.memory_limit, given.days)
            cost = measure_asset(asset, settings, folder, data, given.days)
            read_bytes = made["bytes"] / (given.days if asset in DAILY_ASSETS else 1)
            costs[name][asset] = cost
            same = "" if name == "now" else "yes" if cost["digest"] == costs["now"][asset]["digest"] else "NO"
            print(
                f"| {asset} | {name} | {cost['cpu']:.1f} | {cost['wall']:.1f} | {cost['peak'] / MEGABYTE:,.0f} "
                f"| {cost['peak_without_files'] / MEGABYTE:,.0f} "
                f"| {'yes' if cost['peak_without_files'] <= limit else 'NO'} "
                f"| {cost['scratch'] / read_bytes:.3f} | {cost['silence']:.1f} "
                f"| {'FAILED' if cost['failed'] else same} |",
                flush=True,
            )
            if cost["failed"]:
                sys.exit(f"{asset} failed")
    return costs


def print_growth(first: tuple[float, Costs], last: tuple[float, Costs]) -> None:
    """Print the exponent with which CPU and peak of each asset grow: 1 is proportional to the events."""
    scale = math.log(last[0] / first[0])
    print("\n| asset | CPU grows as events to the | peak grows as events to the |\n|---|---|---|")
    for asset, cost in first[1]["now"].items():
        other = last[1]["now"][asset]
        exponents = (math.log(other[what] / cost[what]) / scale for what in ("cpu", "peak"))
        print(f"| {asset} | {' | '.join(f'{exponent:.2f}' for exponent in exponents)} |")


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[2.0], help="of events a day; default: 2")
    parser.add_argument("--days", type=int, default=1, help="number of days, and of the window; default: 1")
    parser.add_argument("--memory-limit", default="4GB", help="PERSONA_MEMORY_LIMIT; default: %(default)s")
    parser.add_argument("--assets", nargs="+", default=list(ASSETS), help="in this order; default: all")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier commit")
    parser.add_argument("--folder", type=Path, help="an empty folder for all files; default: a temporary one")
    parser.add_argument("--only-capture", action="store_true", help="make the capture and stop")
    parser.add_argument("--asset", help=argparse.SUPPRESS)
    parser.add_argument("--day", type=dt.date.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asset:
        run_asset(given.asset, given.day)
    checkouts = {"now": ROOT} | ({"before": given.before.resolve()} if given.before else {})
    found: list[tuple[float, Costs]] = []
    for millions in given.millions:
        with tempfile.TemporaryDirectory() as temporary:
            folder = given.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            found.append((millions, measure_day(given, checkouts, int(millions * 1e6), folder)))
            if given.folder and len(given.millions) > 1:
                shutil.rmtree(folder)
    if len(found) > 1 and not given.only_capture:
        print_growth(found[0], found[-1])


if __name__ == "__main__":
    main()
