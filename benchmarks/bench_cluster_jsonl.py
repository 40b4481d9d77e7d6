"""Measure how long it takes to make the lines of `cluster_jsonl`, compared with other methods.

    python benchmarks/bench_cluster_jsonl.py                      # 200,000 events: seconds
    python benchmarks/bench_cluster_jsonl.py --posts 3000000 --likes 12000000 --clusters 25 1000
    python benchmarks/bench_cluster_jsonl.py --growth             # 200,000 to 5,000,000 events
    python benchmarks/bench_cluster_jsonl.py --heavy-author       # one author of 20,000 posts

Each method runs in a new process; CPU seconds are those of all its threads. All read the same Parquet files and write
one file per cluster. Some do less than the asset: `plain` is a minimum without threads, order and accounting, `pandas`
and `dicts` only join likes to posts.
"""

import argparse
import datetime as dt
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.build import build_lines
from persona_assets.assets.cluster_jsonl.load import LineInputs
from persona_assets.assets.cluster_jsonl.serialise import ACTION_KEYS
from persona_assets.common.chunked_writes import write_in_pieces
from persona_assets.common.database import open_duckdb
from persona_assets.io_managers.persona_files import ClusterFolderContents, write_cluster_folder

START_US = 1_740_787_200_000_000
DAY_US = 86_400_000_000
_SYLLABLES = [f"{consonant}{vowel}" for consonant in "bdfgklmnprst" for vowel in "aeiou"]
VOCABULARY = [f"{first}{second}{end}" for end in "nrsty" for first in _SYLLABLES for second in _SYLLABLES]
REPEATED = 0.2  # of texts; on the day of 35 million events, 3.0 million English messages had 2.4 million texts
# What texts end with, and the share of each: nothing, signs beyond ASCII and escapes in JSON, a link, a handle.
ENDINGS = {"": 0.45, ' é "quoted"': 0.4, " https://example.org/page": 0.12, " @name.bsky.social": 0.03}
# Shares as on the network: replies and English posts among posts; users in a cluster; likes of records outside the
# window, and undone likes.
ANSWERS, ENGLISH, MEMBERS, OUTSIDE, UNDONE = 0.4, 0.75, 0.9, 0.2, 0.02
LIKE = {key: key == "like" for key in ACTION_KEYS}
# What `make_window` writes of the inputs of lines.
WINDOW_TABLES = ("clusters", "english_users", "user_actions", "english_posts")


class Size(NamedTuple):
    """Numbers of rows in a window."""

    posts: int
    likes: int
    clusters: int
    heavy: int = 0  # posts of the most active author; 0 for no such author


def make_window(folder: Path, size: Size, *, seed: int = 1) -> None:
    """Write the tables of one window: posts of which 40 % answer, some in long threads, likes, follows and undos.

    About half of the likes give a line.
    """
    posts, likes, clusters, heavy_posts = size
    rng = np.random.default_rng(seed)
    users = max(40, posts // 15)
    names = np.array([f"did:plc:{number:024d}" for number in range(users)])
    weights = 1 / (np.arange(users) + 10.0) ** 0.6
    weights /= weights.sum()
    author = rng.choice(users, posts, p=weights)
    author[:heavy_posts] = 0
    at = np.sort(rng.integers(START_US, START_US + DAY_US, posts))
    uri = np.char.add(np.char.add("at://", names[author]), "/app.bsky.feed.post/3l")
    uri = np.char.add(uri, np.char.zfill(np.arange(posts).astype(str), 11))
    answers = rng.random(posts) < ANSWERS
    back = np.minimum(rng.geometric(0.002, posts), np.arange(posts))
    parent = np.where(answers & (back > 0), np.arange(posts) - back, -1)
    texts = _texts(rng, posts)
    english = rng.random(posts) < ENGLISH
    _write_actions(folder, rng, names, author, at, uri, parent, texts, likes)
    _sort_by_action(folder / "user_actions.parquet")
    keep = np.flatnonzero(english)
    pq.write_table(
        pa.table(
            [
                uri[keep],
                names[author[keep]],
                pa.array(np.where(parent[keep] >= 0, "reply", "post")).dictionary_encode().cast(tables.CLOSED_SET),
                texts.take(pa.array(keep)),
                at[keep],
                np.ones(len(keep), bool),
                pa.array(np.repeat("declared", len(keep))).dictionary_encode().cast(tables.OPEN_SET),
            ],
            schema=tables.ENGLISH_POSTS,
        ),
        folder / "english_posts.parquet",
    )
    members = np.flatnonzero(rng.random(users) < MEMBERS)
    of = rng.integers(0, clusters, len(members)).astype(np.int32)
    pq.write_table(
        pa.table([names[members], of, np.ones(len(members), np.float32)], schema=tables.CLUSTERS),
        folder / "clusters.parquet",
    )
    ones = np.ones(len(members), np.int64)
    pq.write_table(
        pa.table([names[members], ones, ones, ones.astype(float)], schema=tables.ENGLISH_USERS),
        folder / "english_users.parquet",
    )


def _texts(rng: np.random.Generator, count: int) -> pa.Array:
    """Return texts of 5 to 40 made-up words, of which a fifth are drawn from the others.

    Words follow Zipf's law, so that few texts are nearly equal. A text ends with one of `ENDINGS`.
    """
    distinct = max(1, round(count * (1 - REPEATED)))
    sizes = np.diff([*range(0, distinct, 100_000), distinct])
    texts = pa.chunked_array([_distinct_texts(rng, size) for size in sizes]).combine_chunks()
    drawn = np.append(np.arange(distinct), rng.integers(0, distinct, count - distinct))
    return texts.take(pa.array(rng.permutation(drawn)))


def _distinct_texts(rng: np.random.Generator, count: int) -> pa.Array:
    ends = np.append(0, np.cumsum(rng.integers(5, 41, count)))
    weights = np.cumsum(1 / np.arange(1, len(VOCABULARY) + 1))
    drawn = np.searchsorted(weights / weights[-1], rng.random(ends[-1]))
    words = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(VOCABULARY).take(pa.array(drawn)))
    endings = rng.choice(len(ENDINGS), count, p=list(ENDINGS.values()))
    joined = pa.compute.binary_join(words, " ")
    return pa.compute.binary_join_element_wise(joined, pa.array([*ENDINGS]).take(pa.array(endings)), "")


def _write_actions(folder, rng, names, author, at, uri, parent, texts, likes) -> None:  # noqa: ANN001, PLR0913, PLR0917 - the columns made above
    """Write `user_actions`: the messages, then likes in chunks, then a few follows and undos."""
    nothing = dict.fromkeys(tables.USER_ACTIONS.names)

    def rows(count: int, **columns: object) -> pa.Table:
        return pa.table(
            [
                pa.nulls(count, field.type)
                if columns.get(field.name, nothing[field.name]) is None
                else pa.array(columns[field.name]).cast(field.type)
                for field in tables.USER_ACTIONS
            ],
            schema=tables.USER_ACTIONS,
        )

    def named(action: str, count: int) -> pa.Array:
        return pa.array(np.repeat(action, count)).dictionary_encode().cast(tables.CLOSED_SET)

    posts, users = len(uri), len(names)
    with pq.ParquetWriter(folder / "user_actions.parquet", tables.USER_ACTIONS, compression="zstd") as writer:
        for start in range(0, posts, 500_000):
            part = slice(start, min(start + 500_000, posts))
            above = parent[part]
            parents = pa.array(np.where(above >= 0, uri[above], ""), mask=above < 0)
            action = pa.array(np.where(above >= 0, "reply", "post")).dictionary_encode().cast(tables.CLOSED_SET)
            writer.write_table(
                rows(
                    len(above),
                    user_id=names[author[part]],
                    action=action,
                    event_time_us=at[part],
                    uri=uri[part],
                    text=texts.slice(part.start, len(above)),
                    parent_uri=parents,
                    target_uri=parents,
                )
            )
        for start in range(0, likes, 1_000_000):
            count = min(1_000_000, likes - start)
            who = rng.integers(0, users, count)
            liked = np.minimum((posts * rng.random(count) ** 1.5).astype(int), posts - 1)
            target = np.where(rng.random(count) < OUTSIDE, np.char.add(uri[liked], "x"), uri[liked])
            own = np.char.add(np.char.add("at://", names[who]), "/app.bsky.feed.like/3l")
            own = np.char.add(own, np.char.zfill(np.arange(start, start + count).astype(str), 11))
            time_us = np.sort(rng.integers(START_US, START_US + DAY_US, count))
            writer.write_table(
                rows(
                    count,
                    user_id=names[who],
                    action=named("like", count),
                    event_time_us=time_us,
                    uri=own,
                    target_uri=target,
                )
            )
            undone = rng.random(count) < UNDONE
            writer.write_table(
                rows(
                    int(undone.sum()),
                    user_id=names[who[undone]],
                    action=named("unlike", int(undone.sum())),
                    event_time_us=time_us[undone] + 1_000_000,
                    uri=own[undone],
                )
            )
            follows = count // 10
            writer.write_table(
                rows(
                    follows,
                    user_id=names[who[:follows]],
                    action=named("follow", follows),
                    event_time_us=time_us[:follows] + 500_000,
                    uri=np.char.replace(own[:follows], "feed.like", "graph.follow"),
                    target_user_id=names[author[liked[:follows]]],
                )
            )


def _sort_by_action(actions: Path) -> None:
    """Sort by action as `user_actions` is, so that readers can skip the row groups of other actions."""
    with tempfile.TemporaryDirectory(dir=actions.parent) as scratch:
        with open_duckdb(memory_limit="4GB", scratch=Path(scratch)) as con:
            con.execute(f"""
                COPY (FROM '{actions}' ORDER BY action, event_time_us, user_id, uri)
                TO '{scratch}/sorted.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)
            """)
        (Path(scratch) / "sorted.parquet").replace(actions)


# --- methods


def ours(window: Path, out: Path, *, memory_limit: str = "4GB") -> int:
    """All that the asset does: threads, all actions, accounting, order."""
    given = {name: pads.dataset(window / f"{name}.parquet") for name in WINDOW_TABLES}
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        made = build_lines(
            LineInputs(**given, embeddings=None),
            ignored=None,
            max_thread_messages=64,
            line_format="arrays",
            memory_limit=memory_limit,
            scratch=Path(scratch),
        )
        written = ClusterFolderContents(made.lines, made.user_clusters, {"accounting": made.accounting})
        return write_cluster_folder(out, written, day=dt.date(2025, 3, 1))


PLAIN = """
    SELECT c.cluster_id, '[{"user_id":"' || p.user_id || '","text":' || to_json(p.text) || ',"unix_epoch":'
        || p.event_time_us || '},{"user_id":"' || a.user_id || '","actions":$like,"unix_epoch":'
        || a.event_time_us || '}]' AS line
    FROM user_actions AS a JOIN clusters AS c USING (user_id) JOIN english_posts AS p ON p.uri = a.target_uri
    WHERE a.action = 'like'
    UNION ALL
    SELECT c.cluster_id, '[{"user_id":"' || a.user_id || '","text":' || to_json(a.text) || ',"unix_epoch":'
        || a.event_time_us || '}]'
    FROM user_actions AS a JOIN clusters AS c USING (user_id)
    WHERE a.action IN ('post', 'reply')
""".replace("$like", json.dumps(LIKE))


def plain(window: Path, out: Path) -> int:
    """The fastest method measured: DuckDB joins likes to posts, without order, threads or accounting."""
    with open_duckdb(memory_limit="4GB", scratch=out) as con:
        for name in ("user_actions", "english_posts", "clusters"):
            con.execute(f"CREATE VIEW {name} AS FROM '{window / name}.parquet'")
        reader = con.sql(PLAIN).to_arrow_reader(100_000)
        return _write(
            (
                pair
                for batch in reader
                for pair in zip(
                    batch["cluster_id"].to_pylist(),
                    batch["line"].cast(pa.binary()).to_numpy(zero_copy_only=False),
                    strict=True,
                )
            ),
            out,
        )


def pandas_merge(window: Path, out: Path) -> int:
    """Join likes to posts by pandas and write them by Python."""
    import pandas as pd  # noqa: PLC0415 - only this way needs it

    actions = pd.read_parquet(
        window / "user_actions.parquet", columns=["user_id", "action", "event_time_us", "target_uri"]
    )
    posts = pd.read_parquet(window / "english_posts.parquet", columns=["uri", "user_id", "text", "event_time_us"])
    merged = (
        actions[actions["action"] == "like"]
        .merge(pd.read_parquet(window / "clusters.parquet", columns=["user_id", "cluster_id"]), on="user_id")
        .merge(posts, left_on="target_uri", right_on="uri", suffixes=("", "_post"))
    )
    columns = ["cluster_id", "user_id", "event_time_us", "user_id_post", "text", "event_time_us_post"]
    rows = merged[columns].itertuples(index=False, name=None)
    return _write(((row[0], _dump(*row[1:])) for row in rows), out)


def dicts(window: Path, out: Path) -> int:
    """The method of the reference, with its errors fixed: posts in a dict by URI, one like after the other."""
    posts = {
        row["uri"]: (row["user_id"], row["text"], row["event_time_us"])
        for batch in pads.dataset(window / "english_posts.parquet").to_batches()
        for row in batch.select(["uri", "user_id", "text", "event_time_us"]).to_pylist()
    }
    clusters = dict(zip(*pq.read_table(window / "clusters.parquet").select([0, 1]).to_pydict().values(), strict=True))

    def lines():  # noqa: ANN202 - (cluster, line)
        columns = ["user_id", "event_time_us", "target_uri"]
        scanner = pads.dataset(window / "user_actions.parquet").scanner(
            columns=columns, filter=pads.field("action") == "like"
        )
        for batch in scanner.to_batches():
            for row in batch.to_pylist():
                post = posts.get(row["target_uri"])
                if post and row["user_id"] in clusters:
                    yield clusters[row["user_id"]], _dump(row["user_id"], row["event_time_us"], *post)

    return _write(lines(), out)


def _dump(user_id: str, at: int, author: str, text: str, posted: int) -> bytes:
    content = {"user_id": author, "text": text, "unix_epoch": posted}
    return json.dumps([content, {"user_id": user_id, "actions": LIKE, "unix_epoch": at}]).encode()


def _write(lines, out: Path) -> int:  # noqa: ANN001 - (cluster, line)
    """Write lines as the asset's IO manager does."""
    held, size, count = defaultdict(list), 0, 0

    def flush() -> None:
        for cluster, of_cluster in held.items():
            with (out / f"cluster_{cluster}.jsonl").open("ab") as file:
                write_in_pieces(file, b"\n".join(of_cluster) + b"\n")
        held.clear()

    for cluster, line in lines:
        held[cluster].append(line)
        size += len(line)
        count += 1
        if size > 64 * 2**20:
            flush()
            size = 0
    flush()
    return count


WAYS: dict[str, Callable[..., int]] = {"ours": ours, "plain": plain, "pandas": pandas_merge, "dicts": dicts}


# --- measuring


def measure(way: str, window: Path) -> dict[str, object]:
    """Run one method in a new process, and return its costs."""
    with tempfile.TemporaryDirectory(dir=window.parent) as out:
        command = [sys.executable, __file__, "--run", way, "--window", str(window), "--out", out]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        cost = json.loads(done.stdout.splitlines()[-1])
        cost["written_mb"] = round(sum(f.stat().st_size for f in Path(out).glob("*.jsonl")) / 1e6)
    return {"way": way, **cost}


def run_here(way: str, window: Path, out: Path) -> None:
    """Run one method in this process, and print its costs."""
    start = time.perf_counter()
    lines = WAYS[way](window, out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "lines": lines,
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "wall_s": round(time.perf_counter() - start, 1),
        "peak_mb": _peak_mb(),
    }
    print(json.dumps(cost))
    sys.stdout.flush()


def _peak_mb() -> int:
    """Return the peak memory of this process in MB; `ru_maxrss` would include the parent's memory before the exec."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20
    (line,) = (line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def show(rows: list[dict[str, object]]) -> None:
    """Print the table."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(str(row[name]) for name in names) + " |")


def compare(root: Path, size: Size, ways: list[str]) -> list[dict[str, object]]:
    """Generate a window, and measure each method on it."""
    window = root / "_".join(map(str, size))
    if not window.exists():
        window.mkdir(parents=True)
        make_window(window, size)
    return [{**size._asdict(), **measure(way, window)} for way in ways]


def main() -> None:
    """Run the measurements of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=40_000)
    parser.add_argument("--likes", type=int, default=160_000)
    parser.add_argument("--clusters", type=int, nargs="+", default=[25])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--heavy-author", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for windows, made once and kept")
    for hidden in ("--run", "--window", "--out"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run_here(given.run, Path(given.window), Path(given.out))
        return
    root = given.keep or Path(tempfile.mkdtemp())
    rows = []
    if given.growth:
        for events in (200_000, 1_000_000, 5_000_000):
            rows += compare(root, Size(events // 5, events * 7 // 10, clusters=25), given.ways)
    elif given.heavy_author:
        for heavy in (0, 20_000):
            rows += compare(root, Size(100_000, 400_000, clusters=25, heavy=heavy), given.ways)
    else:
        for clusters in given.clusters:
            rows += compare(root, Size(given.posts, given.likes, clusters), given.ways)
    show(rows)
    if not given.keep:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
