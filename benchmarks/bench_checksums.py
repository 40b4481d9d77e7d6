"""Measure the cost of checksums: write tables with and without them, and read tables with and without verification.

    python benchmarks/bench_checksums.py                                   # 1.1 million actions
    python benchmarks/bench_checksums.py --posts 1000000 --likes 4000000

All variants run in turn in this process, `--rounds` times. CPU seconds are medians, and so are ratios within a round.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from bench_cluster_jsonl import Size, make_window

from persona_assets import tables
from persona_assets.common import parquet_files
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.common.parquet_checksums import open_checksummed_writer, verify_parquet

_READ_ALL = """
    SELECT sum(hash(user_id)), sum(hash(uri)), sum(hash(text)), sum(hash(target_uri)), sum(event_time_us) FROM actions
"""


@contextmanager
def plain_writer(where, schema, **options):  # noqa: ANN001, ANN003, ANN201 - as in the function that it replaces
    """Open a Parquet writer without checksums."""
    with pq.ParquetWriter(where, schema, **options) as writer:
        yield writer


def write(table: pa.Table, where: Path, writer: Callable[..., object]) -> None:
    """Write a table as `write_parquet` does, with the given writer."""
    parquet_files.open_checksummed_writer = writer
    parquet_files.write_parquet(where, table.schema, [table])


def verify(where: Path) -> None:
    """Verify a file as the IO manager does before it is read."""
    with where.open("rb") as file:
        assert verify_parquet(file, name=where)


def read_by_duckdb(where: Path, *, verified: bool) -> None:
    """Read the rows and columns that `cluster_jsonl` reads of a day."""
    if verified:
        verify(where)
    with tempfile.TemporaryDirectory() as scratch, open_duckdb(memory_limit="4GB", scratch=Path(scratch)) as con:
        create_dataset_view(con, "actions", pads.dataset(where))
        con.sql(_READ_ALL).fetchall()


def read_by_pyarrow(where: Path, *, verified: bool) -> None:
    """Read a whole day, batch by batch."""
    if verified:
        verify(where)
    for _ in pads.dataset(where).to_batches():
        pass


def main() -> None:
    """Print a table with the CPU time of each variant without and with checksums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=200_000)
    parser.add_argument("--likes", type=int, default=800_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        window, written = Path(folder), Path(folder) / "written.parquet"
        make_window(window, Size(given.posts, given.likes, 25))
        day = window / "user_actions.parquet"
        table = pads.dataset(day).to_table().cast(tables.USER_ACTIONS)
        write(table, day, open_checksummed_writer)
        ways: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "write": (
                lambda: write(table, written, plain_writer),
                lambda: write(table, written, open_checksummed_writer),
            ),
            "read by DuckDB": (
                lambda: read_by_duckdb(day, verified=False),
                lambda: read_by_duckdb(day, verified=True),
            ),
            "read by pyarrow": (
                lambda: read_by_pyarrow(day, verified=False),
                lambda: read_by_pyarrow(day, verified=True),
            ),
        }
        print(f"{table.num_rows} actions, {day.stat().st_size / 1e6:.0f} MB")
        print("| what | CPU s without | CPU s with | ratio |\n|---|---|---|---|")
        for name, pair in ways.items():
            rounds = [[_cpu_seconds(way) for way in pair] for _ in range(given.rounds)]
            without, with_ = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratio = statistics.median(more / less for less, more in rounds)
            print(f"| {name} | {without:.2f} | {with_:.2f} | {ratio:.2f} |")


def _cpu_seconds(way: Callable[[], None]) -> float:
    start = time.process_time()
    way()
    return time.process_time() - start


if __name__ == "__main__":
    main()
