"""Measure the whole graph against a plain notebook script on the same small days: CPU and wall seconds of each stage.

    python benchmarks/bench_pipeline.py                               # 60,000, 200,000 and 600,000 events: half an hour
    python benchmarks/bench_pipeline.py --without-model               # vectors that cost nothing, for both: minutes
    python benchmarks/bench_pipeline.py --events 200000 --rounds 3 --before ../before

The days are those of `bench_day.py`. Ours is every asset of it, one after the other in one process, as a run of the
in-process executor: "start" is the import of the definitions. The notebook is what one would write without this
project: json and pandas, sentence-transformers with the same model, scikit-learn's KMeans with the same number of
clusters, the lines of each cluster, and words (TF-IDF), typical posts and topics (LDA) of each. It does less: no
duplicates, no detector of languages, no consents, no names, no map, and replies and likes of the day's own posts only.

Ways take turns, round after round, each in a process of its own on as many cores as `--threads` says (by affinity);
the table has the medians. "CPU" is that of the process and its workers. With `--without-model` both get vectors by a
look-up; what is left of our stage `embeddings` is tokenising, batching, storing and the import of torch.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
N_CLUSTERS, SEED = 25, 11
MAX_TOKENS, DIMENSIONS = 128, 384  # of the embedded model
MIN_POSTS = 2  # of a user
N_WORDS, N_MEDOIDS, N_TOPICS, MEDOID_SAMPLE = 20, 3, 5, 1_000  # as in BluePrint's get_cluster_stats.py
MIN_TOPIC_POSTS = 20
NOTEBOOK = "notebook"

Costs = dict[str, tuple[float, float]]  # CPU and wall seconds of each stage


class Stages:
    """CPU and wall seconds of named stages of this process and its ended workers."""

    def __init__(self) -> None:
        """Begin with no stage."""
        self.costs: Costs = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Time a block."""
        cpu, wall = _cpu_seconds(), time.perf_counter()
        yield
        self.costs[name] = (_cpu_seconds() - cpu, time.perf_counter() - wall)


def _cpu_seconds() -> float:
    of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in of)


# ---------------------------------------------------------------- ours


def run_ours(*, without_model: bool) -> Costs:
    """Materialize every asset of the day in this process, as the environment's settings say."""
    from bench_day import PERSONA_ASSETS, materialize_asset, use_free_model  # noqa: PLC0415 - of the benchmark's checkout

    stages = Stages()
    with stages.stage("start"):
        import dagster as dg  # noqa: PLC0415 - is measured

        from persona_assets.definitions import defs  # noqa: PLC0415 - the same
    with dg.DagsterInstance.ephemeral(tempdir=os.environ["DAGSTER_HOME"]) as instance:
        for asset in PERSONA_ASSETS:
            with stages.stage(asset):
                if asset == "embeddings" and without_model:
                    use_free_model()
                if not materialize_asset(defs, asset, instance):
                    sys.exit(f"{asset} failed")
    return stages.costs


# ---------------------------------------------------------------- the notebook


def run_notebook(capture: Path, out: Path, *, without_model: bool) -> Costs:
    """Run the notebook's cells on a capture, and write the lines and statistics of clusters to `out`."""
    stages = Stages()
    with stages.stage("start"):
        import numpy as np  # noqa: PLC0415 - is measured
        import pandas as pd  # noqa: PLC0415 - the same
        from sklearn.cluster import KMeans  # noqa: PLC0415 - the same
    with stages.stage("read"):
        posts, acts = read_frames(capture)
    with stages.stage("filter"):
        is_english = posts["langs"].map(lambda langs: langs == ["en"]) & (posts["text"].str.strip() != "")
        posts = posts[is_english].drop_duplicates("uri")
        posts = posts[posts.groupby("user_id")["uri"].transform("size") >= MIN_POSTS].reset_index(drop=True)
    with stages.stage("embed"):
        vectors = make_vectors(len(posts)) if without_model else encode(posts["text"].tolist())
    with stages.stage("cluster"):
        users, of_user = np.unique(posts["user_id"], return_inverse=True)
        sums = np.zeros((len(users), vectors.shape[1]), np.float32)
        np.add.at(sums, of_user, vectors)
        means = sums / np.bincount(of_user)[:, None]
        labels = KMeans(N_CLUSTERS, n_init=10, random_state=SEED).fit_predict(means)
        posts["cluster"] = labels[of_user]
    with stages.stage("lines"):
        cluster_of_user = pd.Series(labels, index=users)
        write_lines(posts, acts, cluster_of_user, out)
    with stages.stage("statistics"):
        (out / "stats.json").write_text(json.dumps(make_statistics(posts, vectors)), encoding="utf-8")
    return stages.costs


def read_frames(capture: Path) -> tuple[Any, Any]:
    """Return the posts of a capture, and its likes, reposts, follows and blocks, as data frames."""
    import pandas as pd  # noqa: PLC0415 - is measured

    posts: list[dict[str, Any]] = []
    acts: list[dict[str, Any]] = []
    for file in sorted(path for path in capture.rglob("*") if path.is_file()):
        with file.open("rb") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                    commit = event["commit"]
                    record, kind = commit.get("record"), commit["collection"].rpartition(".")[2]
                    if commit["operation"] != "create" or record is None:
                        continue
                    row = {"user_id": event["did"], "time_us": event["time_us"]}
                    if kind == "post":
                        parent = ((record.get("reply") or {}).get("parent") or {}).get("uri")
                        uri = f"at://{event['did']}/{commit['collection']}/{commit['rkey']}"
                        row |= {"uri": uri, "text": record.get("text", ""), "langs": record.get("langs")}
                        posts.append({**row, "parent": parent})
                    elif kind in {"like", "repost"}:
                        acts.append({**row, "act": kind, "target": record["subject"]["uri"]})
                    elif kind in {"follow", "block"}:
                        acts.append({**row, "act": kind, "target": record["subject"]})
                except (ValueError, KeyError, TypeError):
                    continue
    return pd.DataFrame(posts), pd.DataFrame(acts)


def encode(texts: list[str]) -> Any:
    """Return the vectors of texts by sentence-transformers, as its documentation shows."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - is measured

    from persona_assets.text_encoder.model import EMBEDDED, find_model_folder  # noqa: PLC0415 - the files' place only

    model = SentenceTransformer(str(find_model_folder(EMBEDDED)), device="cpu")
    model.max_seq_length = MAX_TOKENS
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def make_vectors(count: int) -> Any:
    """Return unit vectors that cost nothing."""
    import numpy as np  # noqa: PLC0415 - is measured

    table = np.random.default_rng(SEED).normal(size=(4_096, DIMENSIONS)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return table[np.arange(count) % len(table)]


def write_lines(posts: Any, acts: Any, cluster_of_user: Any, out: Path) -> None:
    """Write a JSONL file for each cluster: posts with the post that they answer, and acts with what they are on."""
    shown = {"user_id": "author", "text": "said", "time_us": "said_us"}
    targets = posts[["uri", *shown]].rename(columns=shown)
    latest = posts.drop_duplicates("user_id", keep="last")[[*shown]].rename(columns=shown)
    parents = posts.merge(targets.rename(columns={"uri": "parent"}), on="parent", how="left")
    acts = acts[acts["user_id"].isin(cluster_of_user.index)]
    on_posts = acts.merge(targets, left_on="target", right_on="uri")
    on_users = acts.merge(latest, left_on="target", right_on="author")
    lines: dict[int, list[str]] = {number: [] for number in range(N_CLUSTERS)}
    for row in parents.itertuples():
        chain = [_message(row.user_id, row.text, row.time_us)]
        if isinstance(row.author, str):
            chain.insert(0, _message(row.author, row.said, row.said_us))
        lines[row.cluster].append(json.dumps(chain))
    for found in (on_posts, on_users):
        for row in found.itertuples():
            act = {"user_id": row.user_id, "actions": {row.act: True}, "unix_epoch": row.time_us}
            lines[cluster_of_user[row.user_id]].append(json.dumps([_message(row.author, row.said, row.said_us), act]))
    for number, of_cluster in lines.items():
        (out / f"cluster_{number}.jsonl").write_text("".join(f"{line}\n" for line in of_cluster), encoding="utf-8")


def _message(user: str, text: str, time_us: int) -> dict[str, Any]:
    return {"user_id": user, "text": text, "unix_epoch": time_us}


def make_statistics(posts: Any, vectors: Any) -> list[dict[str, Any]]:
    """Return words, typical posts and topics of each cluster, as BluePrint's script computes them."""
    import numpy as np  # noqa: PLC0415 - is measured
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - the same

    rng = np.random.default_rng(SEED)
    documents = posts.groupby("cluster")["text"].agg(" ".join)
    tfidf = TfidfVectorizer(min_df=2, max_df=0.95, stop_words="english")
    scores, names = tfidf.fit_transform(documents).toarray(), tfidf.get_feature_names_out()
    found: list[dict[str, Any]] = []
    for place, (cluster, rows) in enumerate(posts.groupby("cluster").groups.items()):
        own = np.asarray(rows)
        drawn = own if len(own) <= MEDOID_SAMPLE else rng.choice(own, MEDOID_SAMPLE, replace=False)
        nearest = own[(vectors[own] @ vectors[drawn].T).sum(axis=1).argsort()[::-1][:N_MEDOIDS]]
        topics = find_topics([posts["text"].iloc[row] for row in own]) if len(own) >= MIN_TOPIC_POSTS else []
        found.append(
            {
                "cluster": int(cluster),
                "words": [names[word] for word in scores[place].argsort()[::-1][:N_WORDS]],
                "medoids": posts["text"].iloc[nearest].tolist(),
                "topics": topics,
            }
        )
    return found


def find_topics(texts: list[str]) -> list[list[str]]:
    """Return the words of each topic."""
    from sklearn.decomposition import LatentDirichletAllocation  # noqa: PLC0415 - is measured
    from sklearn.feature_extraction.text import CountVectorizer  # noqa: PLC0415 - the same

    counter = CountVectorizer(max_df=0.95, min_df=2, stop_words="english")
    counts = counter.fit_transform(texts)
    model = LatentDirichletAllocation(N_TOPICS, random_state=SEED, learning_method="online").fit(counts)
    words = counter.get_feature_names_out()
    return [[words[word] for word in row.argsort()[::-1][:N_WORDS]] for row in model.components_]


# ---------------------------------------------------------------- the table


def run_way(way: str, checkout: Path, folder: Path, given: argparse.Namespace) -> Costs:
    """Run the graph of a checkout or the notebook in a process of its own, and return the costs of its stages."""
    from bench_day import make_settings  # noqa: PLC0415 - numpy

    data = folder / "data"
    for path in (data, folder / "home", folder / "scratch"):
        path.mkdir()
    settings = make_settings(checkout, folder, data, given.memory_limit)
    settings |= {"OMP_NUM_THREADS": str(given.threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, "--run", way, "--folder", str(folder), "--threads", str(given.threads)]
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            command + ["--without-model"] * given.without_model, env=settings, check=False, stdout=log, stderr=log
        )
    if done.returncode:
        sys.exit(f"{way} failed: {(folder / 'log.txt').read_text(encoding='utf-8')[-4000:]}")
    costs: Costs = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    for path in (data, folder / "home", folder / "scratch"):
        shutil.rmtree(path)
    return costs


def run_here(given: argparse.Namespace) -> None:
    """Run one way in this process, and write its costs to `costs.json`."""
    if hasattr(os, "sched_setaffinity"):  # not on macOS
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
    folder: Path = given.folder
    if given.run == NOTEBOOK:
        costs = run_notebook(folder / "capture", folder / "data", without_model=given.without_model)
    else:
        costs = run_ours(without_model=given.without_model)
    (folder / "costs.json").write_text(json.dumps(costs), encoding="utf-8")


def format_rows(events: float, rounds: dict[str, list[Costs]]) -> list[str]:
    """Return the rows of the table: medians of each stage of each way, and the sums with and without embedding."""
    rows: list[str] = []
    for way, costs in rounds.items():
        medians = {
            stage: tuple(statistics.median(of_round[stage][part] for of_round in costs) for part in (0, 1))
            for stage in costs[0]
        }
        rest = [cost for stage, cost in medians.items() if stage not in {"embed", "embeddings"}]
        sums = {"**all**": [*medians.values()], "**all but embedding**": rest}
        lines = [*medians.items(), *((name, tuple(map(sum, zip(*of, strict=True)))) for name, of in sums.items())]
        rows += [f"| {events:,.0f} | {way} | {stage} | {cpu:.1f} | {wall:.1f} |" for stage, (cpu, wall) in lines]
    return rows


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[60_000, 200_000, 600_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="cores of each way; default: 1")
    parser.add_argument("--without-model", action="store_true", help="vectors by a look-up")
    parser.add_argument("--memory-limit", default="4GB", help="PERSONA_MEMORY_LIMIT; default: %(default)s")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier commit")
    parser.add_argument("--ways", nargs="+", default=["now", "before", NOTEBOOK], help="default: all")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run_here(given)
        return
    from bench_day import make_capture  # noqa: PLC0415 - numpy, and the ways import it themselves

    checkouts = {"now": ROOT} | ({"before": given.before.resolve()} if given.before else {}) | {NOTEBOOK: ROOT}
    checkouts = {way: checkout for way, checkout in checkouts.items() if way in given.ways}
    print("| events | way | stage | CPU s | wall s |\n|---|---|---|---|---|", flush=True)
    for events in given.events:
        with tempfile.TemporaryDirectory() as temporary:
            made = make_capture(Path(temporary), events)
            rounds: dict[str, list[Costs]] = {way: [] for way in checkouts}
            for _ in range(given.rounds):
                for way, checkout in checkouts.items():
                    rounds[way].append(run_way(way, checkout, Path(temporary), given))
            print("\n".join(format_rows(made["events"], rounds)), flush=True)


if __name__ == "__main__":
    main()
