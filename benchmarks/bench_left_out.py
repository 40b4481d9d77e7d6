"""How long it takes to find what a window leaves out, and its memory: `python benchmarks/bench_left_out.py`.

A window of seven days with 600,000 posts each by 300,000 accounts; deletions of 30 days, 300,000 each, of which the
first seven days' are of posts of the window; a million accounts with statements, of which one in ten refuses.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.common.parquet_files import write_parquet
from persona_assets.consent.left_out import ConsentTables, find_left_out, leave_out_rules
from persona_assets.consent.schemas import CONSENTS, DELETED_POSTS

WINDOW_DAYS, MEMORY = 7, "2GB"


def _users(numbers: np.ndarray) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 24, "a")
    return pc.binary_join_element_wise("did:plc:", digits, "")


def _uris(users: pa.Array, keys: np.ndarray) -> pa.Array:
    padded = pc.utf8_lpad(pa.array(keys).cast(pa.string()), 13, "2")
    return pc.binary_join_element_wise("at://", users, "/app.bsky.feed.post/", padded, "")


def _write_posts(folder: Path, day: int, posts: int, accounts: int, rng: np.random.Generator) -> None:
    users = _users(rng.integers(0, accounts, posts))
    keys = np.arange(day * posts, (day + 1) * posts)
    columns = {
        "uri": _uris(users, keys),
        "user_id": users,
        "action": pa.array(["post"] * posts).dictionary_encode().cast(tables.CLOSED_SET),
        "text": pa.array(["words"] * posts),
        "event_time_us": pa.array(keys),
        "is_english": pa.array([True] * posts),
        "language_reason": pa.array(["declared"] * posts).dictionary_encode().cast(tables.OPEN_SET),
    }
    table = pa.table(columns, schema=tables.ENGLISH_POSTS).sort_by("user_id")
    write_parquet(folder / f"{day:03}.parquet", tables.ENGLISH_POSTS, [table])


def _write_deletions(folder: Path, day: int, deletions: int, posts: Path, rng: np.random.Generator) -> None:
    if day < WINDOW_DAYS:
        of_day = pads.dataset(posts / f"{day:03}.parquet").to_table(columns=["uri", "user_id"])
        chosen = of_day.take(pa.array(rng.choice(len(of_day), min(deletions, len(of_day)), replace=False)))
        uris, users = chosen["uri"], chosen["user_id"]
    else:
        users = _users(rng.integers(0, 10**7, deletions))
        uris = _uris(users, rng.integers(10**9, 10**10, deletions))
    times = pa.array(np.full(len(uris), 10**15))
    table = pa.table([uris, users, times], schema=DELETED_POSTS).sort_by("uri")
    write_parquet(folder / f"{day:03}.parquet", DELETED_POSTS, [table])


def _write_consents(file: Path, accounts: int) -> None:
    columns = {name: pa.nulls(accounts, CONSENTS.field(name).type) for name in CONSENTS.names}
    columns |= {
        "user_id": _users(np.arange(accounts)),
        "embedding_allow": pc.not_equal(pa.array(np.arange(accounts) % 10), 0),
        "no_unauthenticated": pa.array(np.zeros(accounts, bool)),
        "bot": pa.array(np.zeros(accounts, bool)),
    }
    write_parquet(file, CONSENTS, [pa.table(columns, schema=CONSENTS)])


def main() -> None:
    """Write the tables, find what is left out, and print seconds, MiB and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=600_000, help="posts of a day")
    parser.add_argument("--deletions", type=int, default=300_000, help="deletions of a day")
    parser.add_argument("--days", type=int, default=30, help="days of deletions")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        posts, deletions, scratch = root / "posts", root / "deletions", root / "scratch"
        for made in (posts, deletions, scratch):
            made.mkdir()
        for day in range(WINDOW_DAYS):
            _write_posts(posts, day, options.posts, options.posts // 2, rng)
        for day in range(options.days):
            _write_deletions(deletions, day, options.deletions, posts, rng)
        _write_consents(root / "consents.parquet", 1_000_000)
        said = ConsentTables(pads.dataset(root / "consents.parquet"), pads.dataset(deletions))
        before = resource.getrusage(resource.RUSAGE_SELF)
        start = time.perf_counter()
        left_out = find_left_out(
            pads.dataset(posts),
            said,
            leave_out_rules("embeddings", deletions="drop"),
            memory_limit=MEMORY,
            scratch=scratch,
        )
        seconds = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(
        f"{WINDOW_DAYS * options.posts:,} posts, {options.days * options.deletions:,} deletions: {seconds:.1f} s, "
        f"{cpu:.1f} CPU s; peak {after.ru_maxrss >> 10:,} MiB, {before.ru_maxrss >> 10:,} MiB before; "
        f"{left_out.users.num_rows:,} accounts and {len(left_out.posts):,} posts left out"
    )


if __name__ == "__main__":
    main()
