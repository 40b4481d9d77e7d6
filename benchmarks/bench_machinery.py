"""What `embeddings` costs besides the network: its own stages with a network that costs nothing, in CPU us a text.

    python benchmarks/bench_machinery.py
    python benchmarks/bench_machinery.py --before ../before      # an earlier commit's checkout, in turn
    python benchmarks/bench_machinery.py --posts 400000 --threads 2

Posts have the lengths of tweets or of half tweets, half longer posts (`bench_gpu.CHARACTERS`), of made-up words with
the frequencies of English; 14 % of the posts repeat another's text. The tokenizer is the embedded model's. The network
returns rows of a table of random unit vectors; batches have as many tokens as on a GPU. Each round is a process of its
own, before and after in turn. Files are in the folder for temporary files.

"CPU" is that of all threads. The model of many cores: a stage is serial (one thread at a time), or it is spread over
all cores, or it runs in threads of its own beside the device, as many as `tokenize_ahead` starts for a GPU. What comes
before and after the device's work is added up; of what runs beside the device, the slowest counts.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
SEED = 5
REPEATED = 0.14  # of the posts, as measured in captures
TABLE_ROWS = 4_096  # of the vectors that the network returns
CORES = (1, 2, 4, 8, 16)


def make_posts(file: Path, count: int, kind: str) -> None:
    """Write `english_posts` with the columns that the stages read."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from bench_gpu import make_texts  # noqa: PLC0415 - torch, not for those who measure

    rng = np.random.default_rng(SEED)
    distinct = [text.rpartition(" ")[0] + f" {number % 97}" for number, text in enumerate(make_texts(count, kind))]
    repeats = rng.random(count) < REPEATED
    which = np.where(repeats, rng.integers(0, count, count), np.arange(count))
    users = rng.integers(0, count // 4 + 1, count)
    uris = [f"at://did:plc:{user:024d}/app.bsky.feed.post/{rng.integers(1 << 40):013d}" for user in users.tolist()]
    columns = {"uri": uris, "user_id": [uri[5:37] for uri in uris], "text": [distinct[row] for row in which.tolist()]}
    pq.write_table(pa.table(columns), file)


class FreeNetwork:
    """A network that looks its output up: a token's vector for each text, whatever its tokens."""

    def __init__(self, config: Any) -> None:
        """Draw the table; `config` is the real network's."""
        import torch  # noqa: PLC0415 - 2 s

        self.config = config
        generator = torch.Generator().manual_seed(SEED)
        table = torch.randn(TABLE_ROWS, config.hidden_size, generator=generator)
        self._table = torch.nn.functional.normalize(table, dim=1)

    def __call__(self, *, input_ids: Any, attention_mask: None) -> Any:  # noqa: ARG002 - as the real ones
        """Return what the real network returns."""
        rows = (input_ids[:, 1] * 31 + input_ids[:, -2]) % TABLE_ROWS
        return types.SimpleNamespace(last_hidden_state=self._table[rows][:, None])


def load_free_model() -> Any:
    """Return the embedded model with a network that costs nothing."""
    from persona_assets.text_encoder.device import Device  # noqa: PLC0415 - of the checkout that is measured
    from persona_assets.text_encoder.model import EMBEDDED, Replica, load_model  # noqa: PLC0415 - the same

    model = load_model(EMBEDDED, device=Device("cpu", "none"), precision="float32", max_tokens=128)
    free = FreeNetwork(model.replicas[0].network.config)
    recipe = dataclasses.replace(model.recipe, pooling="cls")
    return dataclasses.replace(model, recipe=recipe, replicas=(Replica("cpu", free),))


class Clock:
    """Wall and CPU seconds of named stages."""

    def __init__(self) -> None:
        """Begin with no stage."""
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Time a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = time.perf_counter() - wall
        self.cpu[name] = time.process_time() - cpu


def measure(posts: Path, scratch: Path, threads: int) -> dict[str, Any]:
    """Run the stages, first all together as the asset does, then each alone."""
    import torch  # noqa: PLC0415 - 2 s

    torch.set_num_threads(1)  # what costs nothing needs no second thread, which would only wait
    pa.set_cpu_count(threads)
    names = find_names()
    model, clock = load_free_model(), Clock()
    encoder = names["Encoder"](model, vector_dtype="float16")
    dataset = pads.dataset(posts)
    cache = names["cache"](
        scratch / "cache",
        key=find_first(model, "vector_cache_key", "key")(),
        dimensions=model.dimensions,
        dtype="float16",
    )
    with clock.stage("all"):
        with clock.stage("deduplicate"):
            split = names["split"](dataset, scratch=scratch, memory_limit="2GB")
        with clock.stage("embed"):
            result = names["embed_posts"](split, encoder, cache, scratch=scratch)
        with clock.stage("check lengths"):
            names["check"](result)
    texts: list[str] = pq.read_table(split.texts)["text"].to_pylist()
    whole = pq.read_table(split.texts)["text"].combine_chunks()
    with clock.stage("hash"):
        names["hash"](whole)
    size = 16_384
    starts = range(0, len(texts), size)
    model = load_free_model()  # that remembers no words
    with clock.stage("tokenise"):
        tokens = [names["tokenize"](model, whole[at : at + size], texts[at : at + size]) for at in starts]
    with clock.stage("sort, batch, pool"):
        vectors = [encoder.encode(some) for some in tokens]
    with (scratch / "rows.bin").open("w+b") as file:
        with clock.stage("write rows, cache"):
            for number, some in enumerate(vectors):
                rows = np.arange(number * size, number * size + len(some))
                names["write_rows"](file, rows, some)
                names["keep"](cache, rows, some)
        file.flush()
        ids = pq.read_table(split.posts)["text_id"].to_numpy()
        with clock.stage("read rows"):
            for start in range(0, len(ids), 4_096):
                names["read_rows"](file.fileno(), ids[start : start + 4_096])
    schema = pq.read_schema(result.vectors)
    batches = list(pq.ParquetFile(result.vectors).iter_batches(4_096))
    stored = pa.schema([schema.field(name) for name in ("uri", "user_id", "vector")])
    batches = [pa.record_batch([batch[name] for name in stored.names], schema=stored) for batch in batches]
    with clock.stage("write Parquet"):
        names["write_vectors"](scratch / "again.parquet", stored, iter(batches))
    digest = hashlib.sha256(result.vectors.read_bytes()).hexdigest()
    return {"texts": split.n_texts, "posts": split.n_posts, "wall": clock.wall, "cpu": clock.cpu, "digest": digest}


def find_first(where: Any, *names: str) -> Any:
    """Return the first of the attributes that the checkout that is measured has."""
    return next(getattr(where, name) for name in names if hasattr(where, name))


def find_names() -> dict[str, Callable[..., Any]]:
    """Return what the stages are called in the checkout that is measured: some were renamed."""
    from persona_assets.assets.embeddings import (  # noqa: PLC0415 - of the checkout that is measured
        distinct_texts,
        embed,
        vector_cache,
        vector_files,
    )
    from persona_assets.text_encoder import encode, tokenize  # noqa: PLC0415 - of the checkout that is measured

    is_old = not hasattr(tokenize, "tokenize_ahead")
    encode.CPU_BUDGET = encode.GPU_BUDGET  # batches as a GPU has them

    def check(result: Any) -> None:
        if is_old:
            vector_files.max_unit_length_error(result.vectors)

    def embed_posts(split: Any, encoder: Any, cache: Any, scratch: Path) -> Any:
        if is_old:
            return embed.embed_posts(split, encoder, cache, scratch=scratch)
        vectors = embed.embed_texts(split, encoder, cache, scratch=scratch)
        return find_first(embed, "join_vectors_to_posts", "join_posts")(split.posts, vectors, scratch=scratch)

    def read_rows(file: int, ids: Any) -> None:
        vectors = find_first(vector_files, "read_vectors_at_rows", "read_rows")(
            file, ids, width=384, dtype=np.dtype(np.float16)
        )
        if not is_old:  # now vectors are looked at here, not read back for it
            vector_files.max_unit_length_error(vectors)

    def keep(cache: Any, rows: Any, vectors: Any) -> None:
        cache.add(np.stack([rows, rows], axis=1).astype(np.uint64), vectors)

    return {
        "Encoder": encode.Encoder,
        "cache": vector_cache.VectorCache,
        "split": distinct_texts.write_distinct_texts,
        "embed_posts": embed_posts,
        "check": check,
        "hash": lambda texts: vector_cache.hash_texts(texts.to_pylist() if is_old else texts),
        "tokenize": lambda model, arrow, python: tokenize.tokenize_texts(model, python if is_old else arrow),
        "write_rows": find_first(vector_files, "write_vectors_at_rows", "write_rows"),
        "keep": keep,
        "read_rows": read_rows,
        "write_vectors": find_first(vector_files, "write_embeddings_table", "write_vectors"),
    }


def run_round(checkout: Path, posts: Path, threads: int) -> dict[str, Any]:
    """Measure a checkout in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, __file__, "--round", str(posts), scratch, "--threads", str(threads)],
            env={**os.environ, "PYTHONPATH": str(checkout), "RAYON_NUM_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def model_cores(cpu: dict[str, float], texts: int) -> None:
    """Print how fast machines of many cores would be, beside a GPU that takes no time."""
    a_text = {name: seconds / texts * 1e6 for name, seconds in cpu.items()}
    loads = [a_text[name] for name in BESIDE]
    print("\n| cores | before the device | beside it | after it | texts/s | one thread at a time |")
    print("|---|---|---|---|---|---|")
    for cores in CORES:
        before = a_text["deduplicate"] / cores + a_text["hash"]
        threads = max(1, min(4, cores - 1))
        slowest = max(loads[0] / threads, *loads[1:])
        beside = max(slowest, sum(loads) / cores)
        after = max(a_text["write Parquet"], (a_text["write Parquet"] + a_text["read rows"]) / cores)
        serial = a_text["hash"] + max(loads[1:]) + a_text["write Parquet"]
        rate = 1e6 / (before + beside + after)
        print(f"| {cores} | {before:.1f} us | {beside:.1f} us | {after:.1f} us | {rate:,.0f} | {serial:.1f} us |")


BESIDE = ("tokenise", "sort, batch, pool", "write rows, cache")
STAGES = ("deduplicate", "hash", *BESIDE, "read rows", "write Parquet", "check lengths", "embed", "all")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="a checkout of an earlier commit")
    parser.add_argument("--posts", type=int, default=150_000)
    parser.add_argument("--texts", choices=["short", "mixed"], default="mixed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--round", nargs=2, metavar=("POSTS", "SCRATCH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.round:
        print(json.dumps(measure(Path(arguments.round[0]), Path(arguments.round[1]), arguments.threads)))
        return
    checkouts = {"now": ROOT} | ({"before": arguments.before.resolve()} if arguments.before else {})
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        posts = Path(folder) / "posts.parquet"
        make_posts(posts, arguments.posts, arguments.texts)
        for _ in range(arguments.rounds):
            for name, checkout in checkouts.items():
                found[name].append(run_round(checkout, posts, arguments.threads))
    report(found)


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the tables: medians of the rounds, and ratios of neighbouring rounds."""
    first = found["now"][0]
    texts = first["texts"]
    print(f"{first['posts']:,} posts, {texts:,} distinct texts; files alike: {count_digests(found) == 1}")

    def median(name: str, kind: str, stage: str) -> float:
        return statistics.median(run[kind][stage] for run in found[name]) / texts * 1e6

    print(f"\n| stage, us a distinct text | {' | '.join(f'CPU {name} | wall {name}' for name in found)} | CPU ratio |")
    print("|---|" + "---|---|" * len(found) + "---|")
    for stage in STAGES:
        cells = [f"{median(name, kind, stage):.1f}" for name in found for kind in ("cpu", "wall")]
        pairs = zip(found["now"], found.get("before", found["now"]), strict=True)
        ratio = statistics.median(now["cpu"][stage] / max(before["cpu"][stage], 1e-9) for now, before in pairs)
        print(f"| {stage} | {' | '.join(cells)} | {ratio:.2f} |")
    for name in found:
        print(f"{name}: {1e6 / median(name, 'wall', 'all'):,.0f} texts/s")
    model_cores({stage: statistics.median(run["cpu"][stage] for run in found["now"]) for stage in STAGES}, texts)


def count_digests(found: dict[str, list[dict[str, Any]]]) -> int:
    """Return how many different files were written: one, or a result has changed."""
    return len({run["digest"] for runs in found.values() for run in runs})


if __name__ == "__main__":
    main()
