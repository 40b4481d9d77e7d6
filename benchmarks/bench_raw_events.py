# ruff: noqa: PLC0415 - each method imports its own library, in a new process
"""Measure the cost of parsing a day of raw files, compared with other methods that give the same columns.

    python benchmarks/bench_raw_events.py [--megabytes 1024] [--rounds 3] [--folder DIR]

A capture is generated once and kept in the folder. Then every method runs in a new process, in turn, round after round,
so that changes in the load of the machine affect all of them. CPU seconds are those of the process and its workers,
without imports. Methods whose library is not installed (orjson, polars, pysimdjson) are left out.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

DAY = "2025-03-01"
MIDNIGHT_US = 1_740_787_200_000_000
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, BLOCK, PROFILE = "app.bsky.graph.follow", "app.bsky.graph.block", "app.bsky.actor.profile"
# Shares of a day of March 2025, per 1000 events.
KINDS = {
    "like": 555, "post": 75, "reply": 55, "quote": 12, "follow": 115, "repost": 80, "block": 20, "delete": 52,
    "profile": 12, "other": 14, "account": 5, "identity": 5,
}  # fmt: skip
BAD_LINES = (b"", b'{"did":"did:plc:x","time_us":1', b"null", b"<<<<<<< HEAD", b'{"kind":"commit"}', b"\xff\xfe")
BAD_EVERY = 5000
BATCH_ROWS = 60_000

WAYS = ("ours, 1 worker", "ours, 2 workers", "json.loads", "orjson", "duckdb", "polars", "simdjson, parsed only")
NEEDS = {"orjson": "orjson", "polars": "polars", "simdjson, parsed only": "simdjson"}


# ---------------------------------------------------------------- the capture


def make_capture(folder: Path, megabytes: int) -> dict[str, int]:
    """Write a day of about `megabytes` in 24 x 12 files, unless it exists, and return its counts."""
    manifest = folder / "manifest.json"
    if manifest.exists():
        return json.loads(manifest.read_text(encoding="utf-8"))
    lines = int(megabytes * 1e6 / 475)  # bytes of a line, on average
    rng, written, bad, files = np.random.default_rng(0), 0, 0, 24 * 12
    words = ["".join(rng.choice(list("etaoinshrdlucmfw"), size=size)) for size in rng.integers(2, 9, size=5000)]
    dids = [f"did:plc:{_base32(rng, 24)}" for _ in range(max(1000, lines // 20))]
    for number in range(files):
        path = folder / DAY / f"{number // 12:02}" / f"bluesky-2-{DAY}-{number // 12:02}-{number % 12 * 5:02}-00"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for line in islice(_make_lines(rng, words, dids, number, lines // files), None):
                file.write(line + b"\n")
                written += 1
                if written % BAD_EVERY == 0:
                    file.write(BAD_LINES[bad % len(BAD_LINES)] + b"\n")
                    bad += 1
    size = sum(path.stat().st_size for path in (folder / DAY).rglob("bluesky-*"))
    held = {"events": written, "bad": bad, "bytes": size}
    manifest.write_text(json.dumps(held), encoding="utf-8")
    return held


def _base32(rng: np.random.Generator, size: int) -> str:
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz234567"), size=size))


def _make_lines(
    rng: np.random.Generator, words: list[str], dids: list[str], number: int, count: int
) -> Iterator[bytes]:
    names, shares = list(KINDS), np.array(list(KINDS.values())) / sum(KINDS.values())
    kinds = rng.choice(names, size=count, p=shares)
    users = (len(dids) * rng.random((count, 2)) ** 3).astype(int)
    times = MIDNIGHT_US + number * 300_000_000 + np.sort(rng.integers(0, 300_000_000, size=count))
    for kind, (user, other), now in zip(kinds, users.tolist(), times.tolist(), strict=True):
        yield json.dumps(
            _make_event(kind, dids[user], dids[other], now, rng, words), separators=(",", ":"), ensure_ascii=False
        ).encode()


def _make_event(  # noqa: PLR0913, PLR0917 - all that an event is made of
    kind: str, did: str, other: str, now: int, rng: np.random.Generator, words: list[str]
) -> dict[str, Any]:
    if kind in {"account", "identity"}:
        body = {"did": did, "seq": now // 1000, "time": "2025-03-01T00:00:00.000Z"}
        body |= {"active": True} if kind == "account" else {"handle": "someone.bsky.social"}
        return {"did": did, "time_us": now, "kind": kind, kind: body}
    collections = {
        "like": LIKE, "follow": FOLLOW, "repost": REPOST, "block": BLOCK, "delete": LIKE, "profile": PROFILE,
        "other": "app.bsky.graph.listitem",
    }  # fmt: skip
    collection = collections.get(kind, POST)
    commit: dict[str, Any] = {
        "rev": f"3l{now:x}",
        "operation": "delete" if kind == "delete" else "create",
        "collection": collection,
        "rkey": f"3l{now - 900_000:x}",
    }
    if kind != "delete":
        record = {"$type": collection, "createdAt": "2025-03-01T00:00:00.000Z"}
        commit |= {"record": record | _make_record(kind, other, now, rng, words), "cid": f"bafyrei{now:052x}"}
    return {"did": did, "time_us": now, "kind": "commit", "commit": commit}


def _make_record(kind: str, other: str, now: int, rng: np.random.Generator, words: list[str]) -> dict[str, Any]:
    ref = {"cid": f"bafyrei{now * 7:052x}", "uri": f"at://{other}/{POST}/3l{now - 10_000_000:x}"}
    if kind in {"like", "repost"}:
        return {"subject": ref}
    if kind in {"follow", "block"}:
        return {"subject": other}
    text = " ".join(words[at] for at in rng.integers(0, len(words), size=rng.integers(1, 40)))[:300]
    if kind == "profile":
        return {"description": text, "displayName": "someone"}
    if kind == "other":
        return {"list": ref["uri"], "subject": other}
    more: dict[str, Any] = {"langs": ["en"], "text": text + rng.choice(["", "", " 🙂", " é", " 日本"])}
    if kind == "reply":
        more["reply"] = {"parent": ref, "root": ref}
    if kind == "quote":
        more["embed"] = {"$type": "app.bsky.embed.record", "record": ref}
    return more


# ---------------------------------------------------------------- the methods


def find_paths(folder: Path) -> list[Path]:
    """Return the capture's files."""
    return sorted((folder / DAY).rglob("bluesky-*"))


def read_ours(folder: Path, scratch: Path, workers: int) -> tuple[int, int]:
    """Run the project's own step and return events and bad lines."""
    import datetime as dt

    from upath import UPath

    from persona_assets.assets.raw_events.parse import parse_files
    from persona_assets.capture.files import find_files

    day = dt.date.fromisoformat(DAY)
    files = find_files(UPath(folder), day, pattern=None)
    counts = parse_files(files, day=day, workers=workers, scratch=scratch).counts
    return counts.events, counts.rejected.total()


def read_in_a_loop(folder: Path, scratch: Path, loads: Callable[[bytes], Any]) -> tuple[int, int]:
    """Decode line by line into the columns of raw_events, a Parquet row group at a time, unsorted."""
    import pyarrow as pa

    from persona_assets.common.parquet_files import write_parquet
    from persona_assets.tables import RAW_EVENTS

    found = [0, 0]

    def batches() -> Iterator[pa.Table]:
        rows: list[tuple[Any, ...]] = []
        for path in find_paths(folder):
            for line in path.read_bytes().split(b"\n")[:-1]:
                try:
                    rows.append(_columns_of(loads(line)))
                except (ValueError, KeyError, TypeError):
                    found[1] += 1
            if len(rows) > BATCH_ROWS:
                yield _as_table(rows)
                rows = []
        if rows:
            yield _as_table(rows)

    def _as_table(rows: list[tuple[Any, ...]]) -> pa.Table:
        found[0] += len(rows)
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(column, pa.string()).dictionary_encode().cast(field.type)
            if pa.types.is_dictionary(field.type)
            else pa.array(column, field.type)
            for column, field in zip(columns, RAW_EVENTS, strict=True)
        ]
        return pa.table(arrays, schema=RAW_EVENTS)

    write_parquet(scratch / "out.parquet", RAW_EVENTS, batches())
    return found[0], found[1]


def _columns_of(event: dict[str, Any]) -> tuple[Any, ...]:
    kind = event["kind"]
    body = event[kind]
    if kind != "commit":
        return (
            event["time_us"], event["did"], kind, *[None] * 11, body.get("active"), body.get("status"), body["seq"],
        )  # fmt: skip
    record = body.get("record") or {}
    reply, subject, embed = record.get("reply") or {}, record.get("subject"), record.get("embed") or {}
    quoted = embed.get("record") or {}
    quoted = quoted.get("record") or quoted
    is_profile = body["collection"] == PROFILE
    return (
        event["time_us"], event["did"], kind, body["collection"], body["operation"], body["rkey"], body["rev"],
        record.get("description") if is_profile else record.get("text"), record.get("langs"),
        (reply.get("parent") or {}).get("uri"), (reply.get("root") or {}).get("uri"), quoted.get("uri"),
        subject["uri"] if isinstance(subject, dict) else None, subject if isinstance(subject, str) else None,
        None, None, None,
    )  # fmt: skip


DUCKDB = """
COPY (
    SELECT time_us AS event_time_us, did AS user_id, kind, c.collection, c.operation, c.rkey, c.rev,
        coalesce(r.text, r.description) AS text, r.langs, r.reply.parent.uri AS parent_uri,
        r.reply.root.uri AS root_uri, coalesce(r.embed.record.uri, r.embed.record.record.uri) AS quoted_uri,
        r.subject->>'uri' AS subject_uri, r.subject->>'$' AS subject_did,
        account.active AS account_active, account.status AS account_status, coalesce(account.seq, identity.seq) AS seq
    FROM (SELECT *, "commit" AS c, "commit".record AS r FROM read_json($files, format = 'newline_delimited',
        ignore_errors = true, columns = {
        did: 'VARCHAR', time_us: 'BIGINT', kind: 'VARCHAR',
        commit: 'STRUCT(rev VARCHAR, operation VARCHAR, collection VARCHAR, rkey VARCHAR, record STRUCT(
            "text" VARCHAR, langs VARCHAR[], description VARCHAR, subject JSON,
            reply STRUCT(parent STRUCT(uri VARCHAR), root STRUCT(uri VARCHAR)),
            embed STRUCT(record STRUCT(uri VARCHAR, record STRUCT(uri VARCHAR)))))',
        identity: 'STRUCT(seq BIGINT)', account: 'STRUCT(active BOOLEAN, status VARCHAR, seq BIGINT)'}))
) TO '%s' (FORMAT parquet, COMPRESSION zstd)
"""


def read_with_duckdb(folder: Path, scratch: Path) -> tuple[int, int]:
    """Let DuckDB read the files; invalid values and invalid lines silently become null."""
    import duckdb

    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = false")
    out = scratch / "out.parquet"
    con.execute(DUCKDB % out, {"files": [str(path) for path in find_paths(folder)]})
    ((rows, whole),) = con.execute(f"SELECT count(*), count(kind) FROM '{out}'").fetchall()  # noqa: S608 - our file
    return whole, rows - whole


def read_with_polars(folder: Path, scratch: Path) -> tuple[int, int]:
    """Let Polars read the files; invalid lines become rows of nulls."""
    import polars as pl

    ref = pl.Struct({"uri": pl.String})
    record = {
        "text": pl.String, "langs": pl.List(pl.String), "description": pl.String, "subject": pl.String,
        "reply": pl.Struct({"parent": ref, "root": ref}),
        "embed": pl.Struct({"record": pl.Struct({"uri": pl.String, "record": ref})}),
    }  # fmt: skip
    commit = dict.fromkeys(("rev", "operation", "collection", "rkey"), pl.String) | {"record": pl.Struct(record)}
    schema = {
        "did": pl.String, "time_us": pl.Int64, "kind": pl.String, "commit": pl.Struct(commit),
        "identity": pl.Struct({"seq": pl.Int64}),
        "account": pl.Struct({"active": pl.Boolean, "status": pl.String, "seq": pl.Int64}),
    }  # fmt: skip
    out = scratch / "out.parquet"
    pl.scan_ndjson(find_paths(folder), schema=schema, ignore_errors=True).sink_parquet(out, compression="zstd")
    whole, nulls = pl.scan_parquet(out).select(pl.col("kind").count(), pl.col("kind").null_count()).collect().row(0)
    return whole, nulls


def parse_with_simdjson(folder: Path, scratch: Path) -> tuple[int, int]:
    """Validate every line without building columns: a lower bound."""
    import simdjson

    del scratch
    parser, found = simdjson.Parser(), [0, 0]
    for path in find_paths(folder):
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                parser.parse(line)
                found[0] += 1
            except (ValueError, RuntimeError):
                found[1] += 1
    return found[0], found[1]


def run_way(way: str, folder: Path, scratch: Path) -> tuple[int, int]:
    """Run one method, and return its numbers of events and of invalid lines."""
    if way.startswith("ours"):
        return read_ours(folder, scratch, workers=int(way.split()[1]))
    if way == "json.loads":
        return read_in_a_loop(folder, scratch, json.loads)
    if way == "orjson":
        import orjson

        return read_in_a_loop(folder, scratch, orjson.loads)
    ways = {"duckdb": read_with_duckdb, "polars": read_with_polars, "simdjson, parsed only": parse_with_simdjson}
    return ways[way](folder, scratch)


# ---------------------------------------------------------------- measuring


def import_for(way: str) -> None:
    """Import the libraries of a method before the measurement."""
    if way.startswith("ours"):
        import persona_assets as _  # before pyarrow, as in every process of the project
    import pyarrow as pa
    import pyarrow.parquet as _

    pa.array(["the first array imports pandas, 0.4 s, where it is installed"])

    if way.startswith("ours"):
        import persona_assets.assets.raw_events.parse as _
    elif way == "duckdb":
        import duckdb as _  # noqa: F401 - imported for its cost
    elif way in NEEDS:
        importlib.import_module(NEEDS[way])


def measure_here(way: str, folder: Path) -> dict[str, float]:
    """Run one method in this process, and return its costs."""
    import_for(way)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        cpu, wall = _cpu_seconds(), time.perf_counter()
        events, bad = run_way(way, folder, Path(scratch))
        wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    own, children = (resource.getrusage(who).ru_maxrss / 1024 for who in _WHO)
    return {"wall": wall, "cpu": cpu, "own_mb": own, "worker_mb": children, "events": events, "bad": bad}


_WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def _cpu_seconds() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _WHO))


def print_table(held: dict[str, int], found: dict[str, list[dict[str, float]]]) -> None:
    """Print medians over rounds as a Markdown table."""
    megabytes = held["bytes"] / 1e6
    rounds = len(next(iter(found.values())))
    print(f"\n{held['events']:,} events, {held['bad']} bad lines, {megabytes:,.0f} MB; medians of {rounds}\n")
    print("| way | CPU s | wall s | MB per CPU s | MB/s | peak MB (workers) | events | bad lines |")
    print("|---|---|---|---|---|---|---|---|")
    for way, costs in found.items():
        cpu, wall, own, worker = (
            statistics.median(one[name] for one in costs) for name in ("cpu", "wall", "own_mb", "worker_mb")
        )
        events, bad = costs[0]["events"], costs[0]["bad"]
        right = "right" if (events, bad) == (held["events"], held["bad"]) else "WRONG"
        workers = f" ({worker:,.0f} each)" if way == "ours, 2 workers" else ""
        print(
            f"| {way} | {cpu:.1f} | {wall:.1f} | {megabytes / cpu:.1f} | {megabytes / wall:.1f} "
            f"| {own:,.0f}{workers} | {events:,} | {bad}, {right} |"
        )


def main() -> None:
    """Generate the capture, run every method in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "persona_assets-bench")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    folder = asked.folder / f"raw_events-{asked.megabytes}"
    if asked.one:
        print(json.dumps(measure_here(asked.one, folder)))
        return
    held = make_capture(folder, asked.megabytes)
    ways = [way for way in asked.ways if way not in NEEDS or importlib.util.find_spec(NEEDS[way])]
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    failed: dict[str, str] = {}
    for number in range(asked.rounds):
        for way in list(found):
            command = [sys.executable, __file__, "--one", way, "--megabytes", str(asked.megabytes)]
            done = subprocess.run(
                [*command, "--folder", str(asked.folder)], check=False, capture_output=True, text=True
            )
            if done.returncode:
                failed[way] = done.stderr.splitlines()[-1]
                del found[way]
                continue
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}: {way}: {found[way][-1]['cpu']:.1f} CPU s", file=sys.stderr)
    print_table(held, found)
    for way, why in failed.items():
        print(f"\n{way} ended without a result: {why}")


if __name__ == "__main__":
    main()
