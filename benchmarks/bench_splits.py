"""Measure the split into train, validation and test: its time, memory and leaks, beside a random split of lines.

    python benchmarks/bench_splits.py                    # 200,000, 400,000 and 1,000,000 lines
    python benchmarks/bench_splits.py --lines 50000 100000
    python benchmarks/bench_splits.py --like-a-day       # 15 million lines: 3 million messages and 12 million likes

Lines are made up: a twentieth as many users, in circles of about 200, each with a persona. Three of four lines are an
action on a post of somebody else: in six of ten of the same circle, in a quarter of a popular account, else of anyone.
Each size runs in a process of its own. Seconds are those of the split, without the making of lines.

The random split is BluePrint's (finetuning.py): a tenth of the lines, drawn line by line, is the test.
"""

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from persona_assets.assets.dataset.leaks import Leaks, find_leaks
from persona_assets.assets.dataset.line_graph import LINES
from persona_assets.assets.dataset.split_options import SplitOptions
from persona_assets.assets.dataset.splits import split_lines

BATCH = 50_000
PERSONAS = 25
IN_CIRCLE = 0.8  # share of users that have the persona of their circle
WEEK_US = 7 * 86_400_000_000


class Network:
    """Made-up users and what they write; the same batches each time they are asked for."""

    def __init__(self, n_lines: int) -> None:
        """Draw the circle and persona of each user."""
        rng = np.random.default_rng(1)
        self.n_lines, self.n_users = n_lines, max(200, n_lines // 20)
        self.circle = rng.integers(0, max(1, self.n_users // 200), self.n_users)
        self.by_circle = np.argsort(self.circle, kind="stable")
        self.starts = np.searchsorted(self.circle[self.by_circle], np.arange(self.circle.max() + 2))
        of_circle = (rng.beta(1, 2, self.circle.max() + 1) * PERSONAS).astype(np.int32)
        own = (rng.beta(1, 2, self.n_users) * PERSONAS).astype(np.int32)
        self.persona = np.where(rng.random(self.n_users) < IN_CIRCLE, of_circle[self.circle], own)
        self.rank = rng.permutation(self.n_users)
        self.words = ["".join(rng.choice(list("abcdefghijklmnoprstu"), rng.integers(2, 9))) for _ in range(4000)]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield all lines."""
        for number, start in enumerate(range(0, self.n_lines, BATCH)):
            yield self._make_batch(start, min(BATCH, self.n_lines - start), np.random.default_rng([2, number]))

    def _make_batch(self, start: int, rows: int, rng: np.random.Generator) -> pa.RecordBatch:
        author = self.rank[(rng.pareto(1.2, rows) * self.n_users / 50).astype(np.int64) % self.n_users]
        target, third = self._choose(author, rng), self._choose(author, rng)
        post = np.minimum((rng.pareto(1.0, rows) * 2).astype(np.int64), 30)
        kind = rng.random(rows)
        users, threads, texts = [], [], []
        for row, (one, two, three, number) in enumerate(
            zip(author.tolist(), target.tolist(), third.tolist(), post.tolist(), strict=True)
        ):
            line = start + row
            if kind[row] < 0.12:  # noqa: PLR2004 - a post that nobody answers
                users.append([f"did:plc:{one:024d}"])
                threads.append([f"at://did:plc:{one:024d}/app.bsky.feed.post/own{line}"])
                texts.append([self._say("own", line)])
                continue
            users.append([f"did:plc:{one:024d}", f"did:plc:{two:024d}"])
            threads.append([f"at://did:plc:{two:024d}/app.bsky.feed.post/{number}"])
            texts.append([self._say(two, number)])
            if kind[row] > 0.85:  # noqa: PLR2004 - a reply in a conversation of three
                users[-1].append(f"did:plc:{three:024d}")
                texts[-1].append(self._say("reply", line))
        first = rng.integers(0, WEEK_US, rows)
        return pa.record_batch(
            [
                pa.array(np.arange(start, start + rows)),
                pa.array(self.persona[author]),
                pa.array(users, LINES.field("users").type),
                pa.array(threads, LINES.field("threads").type),
                pa.array(texts, LINES.field("texts").type),
                pa.array(first),
                pa.array(first + rng.integers(0, 3_600_000_000, rows)),
            ],
            schema=LINES,
        )

    def _choose(self, author: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, circle = len(author), self.circle[author]
        sizes = self.starts[circle + 1] - self.starts[circle]
        near = self.by_circle[self.starts[circle] + (rng.random(rows) ** 3 * sizes).astype(np.int64)]
        popular = self.rank[np.minimum((rng.pareto(1.0, rows) * 3).astype(np.int64), self.n_users - 1)]
        anyone = rng.integers(0, self.n_users, rows)
        draw = rng.random(rows)
        return np.where(draw < 0.6, near, np.where(draw < 0.85, popular, anyone))  # noqa: PLR2004 - see above

    def _say(self, *what: object) -> str:
        draw = random.Random(repr(what))  # noqa: S311 - made-up texts
        return " ".join(draw.choices(self.words, k=draw.randint(4, 30)))


class Stopwatch:
    """Iterates over batches, and counts the CPU seconds that it takes to make them."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Count from 0."""
        self._batches, self.seconds = batches, 0.0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Return itself."""
        return self

    def __next__(self) -> pa.RecordBatch:
        """Return the next batch."""
        begin = time.process_time()
        try:
            return next(self._batches)
        finally:
            self.seconds += time.process_time() - begin


def count_leaks(network: Network, splits: pa.Table) -> Leaks:
    """Return what the splits share."""
    with tempfile.TemporaryDirectory() as scratch:
        return find_leaks(network.batches(), splits, min_words=5, memory_limit="1GB", scratch=Path(scratch))


def measure(n_lines: int, mode: str, *, with_leaks: bool) -> None:
    """Print one row: CPU seconds of the lines alone and of the split, peak memory, what is kept."""
    network = Network(n_lines)
    options = SplitOptions(mode=mode.partition("+")[0], hold_out_users="+" not in mode)  # pyright: ignore[reportArgumentType]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    lines = Stopwatch(network.batches())
    result = split_lines(lines, options)
    seconds = time.process_time() - begin - lines.seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = sum(result.kept.values())
    shares = " ".join(f"{number / kept:.3f}" for number in result.kept.values())
    print(
        f"{n_lines:>10,}  {mode:10}  {seconds:8.1f} CPU s  {seconds / n_lines * 1e6:6.1f} us/line  "
        f"{peak / 2**20:5.2f} GiB (before {before / 2**20:.2f})  kept {kept / n_lines:.3f}  shares {shares}",
        flush=True,
    )
    for reason, number in result.dropped.items():
        print(f"{'':12}dropped: {reason}: {number / n_lines:.3f}")
    if not with_leaks:
        return
    drawn = np.random.default_rng(42).permutation(n_lines)
    at_random = pa.table(
        {
            "line_id": drawn,
            "split": np.where(np.arange(n_lines) < n_lines // 10, "test", "train"),
        }
    )
    for name, splits in (("random lines", at_random), ("this split", result.lines)):
        leaks = count_leaks(network, splits)
        shared = "  ".join(
            f"{kind} {found.shared:,} of {found.distinct:,}"
            for kind, found in zip(("users", "threads", "texts"), leaks[:3], strict=True)
        )
        print(f"{'':12}in two splits, {name}: {shared}", flush=True)


def main() -> None:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[200_000, 400_000, 1_000_000])
    parser.add_argument("--like-a-day", action="store_true", help="15 million lines, without leaks")
    parser.add_argument("--mode", choices=["components", "time", "time+users"], default="components")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--no-leaks", action="store_true")
    given = parser.parse_args()
    if given.one:
        measure(given.one, given.mode, with_leaks=not given.no_leaks)
        return
    for lines in [15_000_000] if given.like_a_day else given.lines:
        command = [sys.executable, __file__, "--one", str(lines), "--mode", given.mode]
        subprocess.run([*command, *["--no-leaks"] * (given.no_leaks or given.like_a_day)], check=True)


if __name__ == "__main__":
    main()
