"""Measure how long `persona-forget` takes: over 31 days of the demo's size, and over one day of 2 million events.

    python benchmarks/bench_forget.py                     # both; minutes, most of them to make what is forgotten
    python benchmarks/bench_forget.py --only month
    python benchmarks/bench_forget.py --folder DIR        # keep what was made there for the next time

The month is one day of the demo, made by the graph and copied to 31 dates. The large day has tables, vectors, personas'
files and a vector store, with made-up vectors and clusters. In each the account that most rows name is forgotten, then
one that a usual number of rows name, then one that is nowhere. Files that name none of them must keep their bytes.
"""

import argparse
import datetime as dt
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from bench_raw_events import make_capture
from upath import UPath

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.embeddings.vector_cache import VectorCache, hash_texts
from persona_assets.assets.embeddings.vector_files import choose_rows_per_group, write_embeddings_table
from persona_assets.assets.raw_events.parse import parse_files
from persona_assets.assets.user_actions.extract import extract_distinct_actions
from persona_assets.capture.files import find_files
from persona_assets.common.parquet_files import write_parquet
from persona_assets.forgetting.forget import StoragePlaces, count_changes, forget_accounts
from persona_assets.io_managers.persona_files import ClusterFolderContents, write_cluster_folder
from persona_assets.sample.write import write_capture

DAY = dt.date(2025, 3, 1)
NOWHERE = "did:plc:" + "7" * 24
DIMENSIONS, CLUSTERS = 384, 25
MEGABYTES = 950  # 2 million lines


def make_month(folder: Path) -> Path:
    """Make a day of the demo by the graph, copy it to 31 dates, and return the data folder."""
    data = folder / "month"
    if data.exists():
        return data
    made = folder / "demo"
    write_capture(made / "capture", days=1, start_date=DAY, users=600, personas=8, seed=0)
    environment = os.environ | {
        "PERSONA_CAPTURE": str(made / "capture"),
        "PERSONA_DATA": str(made / "data"),
        "PERSONA_N_CLUSTERS": "8",
        "PERSONA_END_DATE": f"{DAY}",
        "DAGSTER_HOME": "",
    }
    code = (
        "from persona_assets.definitions import build_definitions\nfrom persona_assets.settings import read_settings\n"
        "import dagster as dg\njob = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()\n"
        f"job.execute_in_process(partition_key='{DAY}', instance=dg.DagsterInstance.ephemeral())"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
    half = folder / "month.half"
    shutil.copytree(made / "data" / "vector_store", half / "vector_store")
    for path in (made / "data").iterdir():
        if path.is_file():
            shutil.copy(path, half / path.name)
        elif path.name != "vector_store":
            (half / path.name).mkdir()
            for entry in path.iterdir():
                for number in range(31):
                    target = half / path.name / entry.name.replace(f"{DAY}", f"{DAY + dt.timedelta(number)}")
                    shutil.copytree(entry, target) if entry.is_dir() else shutil.copy(entry, target)
    half.rename(data)
    return data


def make_large_day(folder: Path) -> Path:
    """Make the results of a day of 2 million events, with made-up vectors and clusters; return the data folder."""
    data, half = folder / "day", folder / "day.half"
    if data.exists():
        return data
    shutil.rmtree(half, ignore_errors=True)
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    for place in (scratch / "raw", scratch / "actions", scratch / "lines"):
        place.mkdir(parents=True)
    make_capture(folder / "capture", MEGABYTES)
    files = find_files(UPath(folder / "capture"), DAY, pattern=None)
    parsed = parse_files(files, day=DAY, workers=2, scratch=scratch / "raw")
    _keep(parsed.raw_events, half, "raw_events")
    _keep(parsed.rejected_lines, half, "rejected_lines")
    made = extract_distinct_actions(
        pads.dataset(half / "raw_events"), memory_limit="2GB", scratch=scratch / "actions", day_column=DAY
    )
    _keep(made.user_actions, half, "user_actions")
    posts = _make_posts(half)
    users = pa.array(sorted(set(posts["user_id"].to_pylist())))
    of = pa.array(np.arange(len(users)) % CLUSTERS, pa.int32())
    ones = np.ones(len(users))
    clusters = pa.table([users, of, ones.astype(np.float32)], schema=tables.CLUSTERS)
    english_users = pa.table([users, ones.astype(int), ones.astype(int), ones], schema=tables.ENGLISH_USERS)
    for name, table in (("clusters", clusters), ("english_users", english_users)):
        (half / name).mkdir()
        write_parquet(half / name / f"{DAY}.parquet", table.schema, [table], day_column=DAY)
    _make_vectors(half, posts)
    inputs = {
        name: pads.dataset(half / name)
        for name in LineInputs._fields
        if name != "embeddings" and (half / name).is_dir()
    }
    lines = build_lines(
        LineInputs(**inputs, embeddings=None),
        ignored=None,
        max_thread_messages=64,
        line_format="arrays",
        memory_limit="2GB",
        scratch=scratch / "lines",
    )
    (half / "cluster_jsonl" / f"{DAY}").mkdir(parents=True)
    contents = ClusterFolderContents(lines.lines, lines.user_clusters, {"accounting": lines.accounting})
    write_cluster_folder(half / "cluster_jsonl" / f"{DAY}", contents, day=DAY)
    shutil.rmtree(scratch)
    half.rename(data)
    return data


def _keep(file: Path, data: Path, table: str) -> None:
    (data / table).mkdir(parents=True)
    shutil.move(file, data / table / f"{DAY}.parquet")


def _make_posts(data: Path) -> pa.Table:
    """Store every message as an English post, and return the table."""
    actions = pq.read_table(data / "user_actions", filters=pc.field("action").isin(tables.MESSAGES))
    actions = actions.filter(pc.is_valid(actions["text"])).sort_by("uri")
    count = len(actions)
    posts = pa.table(
        [
            actions["uri"],
            actions["user_id"],
            actions["action"].dictionary_encode().cast(tables.CLOSED_SET),
            actions["text"],
            actions["event_time_us"],
            np.ones(count, bool),
            pa.array(np.repeat("declared", count)).dictionary_encode().cast(tables.OPEN_SET),
        ],
        schema=tables.ENGLISH_POSTS,
    )
    (data / "english_posts").mkdir()
    write_parquet(data / "english_posts" / f"{DAY}.parquet", posts.schema, [posts], day_column=DAY)
    return posts


def _make_vectors(data: Path, posts: pa.Table) -> None:
    """Store random vectors of all posts, and the same in a vector store."""
    rng, schema = np.random.default_rng(0), tables.embeddings_schema(DIMENSIONS)
    rows = choose_rows_per_group(DIMENSIONS)
    cache = VectorCache(data / "vector_store", key={"model": "random"}, dimensions=DIMENSIONS, dtype="float16")

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(posts), rows):
            part = posts.slice(start, rows).combine_chunks()
            vectors = rng.normal(size=(len(part), DIMENSIONS)).astype(np.float16)
            cache.add(hash_texts(part["text"].chunk(0)), vectors)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=schema.field("vector").type)
            yield pa.record_batch([part["uri"].chunk(0), part["user_id"].chunk(0), column], schema=schema)

    (data / "embeddings").mkdir()
    write_embeddings_table(data / "embeddings" / f"{DAY}.parquet", schema, batches(), day_column=DAY)


def choose_accounts(data: Path) -> dict[str, str]:
    """Return the account that most actions name, one that a usual number name, and one that is nowhere."""
    actions = pq.read_table(next(iter((data / "user_actions").iterdir())), columns=["user_id", "target_user_id"])
    counts = Counter(actions["user_id"].to_pylist()) + Counter(actions["target_user_id"].drop_null().to_pylist())
    ranked = [account for account, _ in counts.most_common()]
    return {"most named": ranked[0], "usual": ranked[len(ranked) // 2], "nowhere": NOWHERE}


def digest_all(data: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, without what `persona-forget` itself keeps."""
    files = [path for path in data.rglob("*") if path.is_file() and path.relative_to(data).parts[0] != "forgotten"]
    return {path.relative_to(data).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def measure(data: Path, account: str) -> tuple[float, float, dict[str, int], int, int]:
    """Forget an account; return wall and CPU seconds, what was changed, files searched, and vectors deleted."""
    before, used = digest_all(data), resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    places = StoragePlaces(UPath(data), data / "vector_store", [], 7)
    proof, _ = forget_accounts([account], places, started=dt.datetime.now(dt.UTC), log=lambda _: None)
    wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    after, changed = digest_all(data), {change.file for change in proof.changes}
    differing = {name for name in before if before[name] != after.get(name)}
    assert {name for name in differing if not name.startswith("vector_store/")} - {
        name for name in differing if name.endswith("checksums.xxh128")
    } <= changed
    return wall, cpu, count_changes(proof.changes), proof.files_searched, proof.vectors_deleted


def main() -> None:
    """Print a row for each account that is forgotten."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=["month", "day"])
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    print("| results | account | wall s | CPU s | files | changed | deleted | rows | references | lines | vectors |")
    print("|" + "---|" * 11)
    for name, make in (("month", make_month), ("day", make_large_day)):
        if given.only not in {None, name}:
            continue
        made = make(folder)
        with tempfile.TemporaryDirectory(dir=folder) as copy:
            data = Path(shutil.copytree(made, Path(copy) / "data"))
            for which, account in choose_accounts(made).items():
                wall, cpu, counts, files, vectors = measure(data, account)
                print(
                    f"| {name} | {which} | {wall:.1f} | {cpu:.1f} | {files:,} | {counts['files']:,} | "
                    f"{counts['deleted']:,} | {counts['rows']:,} | {counts['references']:,} | {counts['lines']:,} | "
                    f"{vectors:,} |",
                    flush=True,
                )
    if not given.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
