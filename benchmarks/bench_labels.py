"""Measure the quality of persona names, compared with words, class-based TF-IDF and KeyBERT-inspired phrases.

    python benchmarks/bench_labels.py                        # planted personas of the sample: a minute
    python benchmarks/bench_labels.py --corpus FILE.jsonl.gz --clusters 20   # lines with "user" and "text"
    python benchmarks/bench_labels.py --clusters 1000 --posts 200000         # cost of a thousand names

Names are made from 70 % of the users. `unique`: share of names that no other cluster has. `name`: share of names that
are nearest (cosine) to the centre of their own cluster among all. `posts`: share of the other users' posts that are
nearest to the name of their author's cluster. `npmi`: mean normalised pointwise mutual information of two words of one
name by the posts of all users, -1 to 1; 1: they are always in the same posts. `cpu`: seconds, with the embedding of
phrases, without that of posts. The methods: `words` are the three most distinctive words, as reports had until 0.1;
`ctfidf` are the phrases of one to three words with the best class-based TF-IDF (BERTopic's default, with n-grams);
`keybert` the candidates nearest to the centre (BERTopic's KeyBERT-inspired representation); `ours` is
`persona_phrases`. If BERTopic is installed, `bt-ctfidf` and `bt-keybert` are its own top three of each topic, with the
clusters as topics, phrases of one to three words and its English stop words.
"""

import argparse
import gzip
import importlib
import json
import re
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.cluster_stats.distinctive_words import find_distinctive_words, label_from_words
from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters
from persona_assets.assets.persona_phrases.candidates import find_candidate_phrases
from persona_assets.assets.persona_phrases.rank import SEPARATOR, name_clusters, rank_phrases
from persona_assets.common.database import open_duckdb
from persona_assets.post_words.words import create_word_tables
from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS
from persona_assets.text_encoder.device import choose_device, choose_precision
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import EMBEDDED, load_model

HELD_OUT, POSTS_OF_A_USER, TOKENS = 0.3, 10, 64


def write_posts(count: int) -> tuple[list[str], list[str]]:
    """Return the users and texts of `count` posts by planted people."""
    rng = np.random.default_rng(1)
    personas = list(TOPICS)
    people = [one for one in make_people(round(count / POSTS_OF_A_USER / 0.75), len(personas), rng) if one.persona]
    authors = [people[number % len(people)] for number in range(count)]
    texts = [generate_text(author, personas, rng, answering=False) for author in authors]
    return [f"user{number % len(people)}" for number in range(count)], texts


def read_corpus(file: Path) -> tuple[list[str], list[str]]:
    """Return the users and texts of a corpus, a JSON object a line."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [row["user"] for row in rows], [row["text"][:3000] for row in rows]


def load_posts(
    connection: duckdb.DuckDBPyConnection, users: np.ndarray, clusters: np.ndarray, texts: list[str]
) -> None:
    """Load the tables in which phrases are searched."""
    n = len(texts)
    columns = [
        [f"at://{number}" for number in range(n)],
        [f"{user}" for user in users],
        pa.array(["post"] * n).cast(tables.CLOSED_SET),
        texts,
        list(range(n)),
        [True] * n,
        pa.array(["declared"] * n).cast(tables.OPEN_SET),
    ]
    connection.register("english_posts", pa.table(columns, schema=tables.ENGLISH_POSTS))
    found, first = np.unique(users, return_index=True)
    of_users = [[f"{user}" for user in found], pa.array(clusters[first], pa.int32()), pa.array(found, pa.int32())]
    connection.register("users", pa.table(of_users, names=["user_id", "cluster_id", "user_number"]))
    create_word_tables(
        connection, repeated_uris=pa.array([], pa.string()), language="en", n_clusters=int(clusters.max()) + 1
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows scaled to norm 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def measure_npmi(labels: Sequence[str], texts: Sequence[str]) -> float:
    """Return the mean NPMI of each two words of a name in the texts; -1 for words that are never in one text.

    Args:
        labels: Names.
        texts: Posts, in which a word counts once.
    """
    words = [sorted(set(re.findall(r"[\w#'-]+", label.lower()))) for label in labels]
    wanted = {word for of_name in words for word in of_name}
    found: dict[str, set[int]] = {word: set() for word in wanted}
    for number, text in enumerate(texts):
        for word in wanted & set(re.findall(r"[\w#'-]+", text.lower())):
            found[word].add(number)
    values = []
    for of_name in words:
        for one, other in combinations(of_name, 2):
            both = len(found[one] & found[other]) / len(texts)
            apart = len(found[one]) * len(found[other]) / len(texts) ** 2
            values.append(np.log(both / apart) / -np.log(both) if 0 < both < 1 else 1.0 if both else -1.0)
    return float(np.mean(values)) if values else float("nan")


def name_all(
    connection: duckdb.DuckDBPyConnection, embed: Callable[[Sequence[str]], np.ndarray], centres: np.ndarray
) -> dict[str, tuple[list[str], float]]:
    """Return the names by each method, and its CPU seconds."""
    k, made = len(centres), {}
    start = time.process_time()
    made["words"] = (
        [label_from_words(words) for words in find_distinctive_words(connection, n_clusters=k)],
        time.process_time() - start,
    )
    start = time.process_time()
    candidates = find_candidate_phrases(connection, n_clusters=k)
    best = [sorted(of_cluster, key=lambda one: (-one.score, one.phrase))[:3] for of_cluster in candidates]
    seconds = time.process_time() - start
    made["ctfidf"] = [SEPARATOR.join(one.phrase for one in of_cluster) for of_cluster in best], seconds
    start = time.process_time()
    distinct = sorted({one.phrase for of_cluster in candidates for one in of_cluster})
    vectors = dict(zip(distinct, embed(distinct), strict=True))
    seconds += time.process_time() - start
    near = [
        sorted(of_cluster, key=lambda one, at=number: (-float(vectors[one.phrase] @ centres[at]), one.phrase))[:3]
        for number, of_cluster in enumerate(candidates)
    ]
    made["keybert"] = [SEPARATOR.join(one.phrase for one in of_cluster) for of_cluster in near], seconds
    start = time.process_time()
    made["ours"] = name_clusters(rank_phrases(candidates, vectors, centres)), seconds + time.process_time() - start
    return made


def name_by_bertopic(
    texts: list[str], clusters: np.ndarray, vectors: np.ndarray, embed: Callable[[Sequence[str]], np.ndarray]
) -> dict[str, tuple[list[str], float]]:
    """Return the names by two representations of BERTopic, and the CPU seconds of both together; none without it."""
    if not find_spec("bertopic"):
        return {}
    bertopic, backend, cluster, dimensions, representation = (
        importlib.import_module(f"bertopic{part}")
        for part in ("", ".backend", ".cluster", ".dimensionality", ".representation")
    )
    counts = importlib.import_module("sklearn.feature_extraction.text")

    class Embedder(backend.BaseEmbedder):  # type: ignore[misc]
        def embed(self, documents: Sequence[str], verbose: bool = False) -> np.ndarray:  # noqa: FBT001, FBT002 - its signature
            del verbose
            return embed([f"{document}" for document in documents])

    start = time.process_time()
    model = bertopic.BERTopic(
        embedding_model=Embedder(),
        umap_model=dimensions.BaseDimensionalityReduction(),
        hdbscan_model=cluster.BaseCluster(),
        vectorizer_model=counts.CountVectorizer(stop_words="english", ngram_range=(1, 3)),
        representation_model={"keybert": representation.KeyBERTInspired(random_state=0)},
    )
    topics, _ = model.fit_transform(texts, embeddings=vectors, y=clusters.tolist())
    seconds = time.process_time() - start
    topic_of = dict(zip(clusters.tolist(), topics, strict=True))
    best = {"bt-ctfidf": model.get_topics(), "bt-keybert": model.topic_aspects_["keybert"]}
    return {
        way: (
            [SEPARATOR.join(word for word, _ in of_topic[topic_of[number]][:3]) for number in sorted(topic_of)],
            seconds,
        )
        for way, of_topic in best.items()
    }


def compare_names(
    texts: list[str],
    users: np.ndarray,
    vectors: np.ndarray,
    embed: Callable[[Sequence[str]], np.ndarray],
    *,
    n_clusters: int,
) -> None:
    """Cluster the users and print the table.

    Args:
        texts: Posts.
        users: Number of the author of each, `(n,)`.
        vectors: Unit vectors of the posts, float32 `(n, d)`.
        embed: Returns the unit vectors of texts.
        n_clusters: Number of clusters.
    """
    sums = np.zeros((int(users.max()) + 1, vectors.shape[1]))
    np.add.at(sums, users, vectors)
    fit = fit_clusters(unit(sums).astype(np.float32), ClusterSpec(n_clusters, 5), seed=0)
    of_post = fit.labels[users]
    held = np.random.default_rng(0).random(len(sums))[users] < HELD_OUT
    seen = [text for text, out in zip(texts, held, strict=True) if not out]
    with TemporaryDirectory() as scratch, open_duckdb(memory_limit="2GB", scratch=Path(scratch)) as connection:
        start = time.process_time()
        load_posts(connection, users[~held], of_post[~held], seen)
        loading = time.process_time() - start
        made = name_all(connection, embed, fit.centres)
    made |= name_by_bertopic(seen, of_post[~held], vectors[~held], embed)
    print(f"{len(texts):,} posts, {len(sums):,} users, {n_clusters} clusters; words were split in {loading:.1f} CPU s")
    print(f"{'way':10}{'unique':>8}{'name':>8}{'posts':>8}{'npmi':>8}{'cpu':>8}")
    for way, (labels, seconds) in made.items():
        found = unit(embed([label.replace(SEPARATOR, ", ") or "nothing" for label in labels]))
        unique = np.mean([labels.count(label) == 1 for label in labels])
        name = np.mean((found @ fit.centres.T).argmax(axis=1) == np.arange(len(labels)))
        posts = np.mean((vectors[held] @ found.T).argmax(axis=1) == of_post[held])
        npmi = measure_npmi(labels, texts)
        print(f"{way:10}{unique:8.3f}{name:8.3f}{posts:8.3f}{npmi:8.3f}{seconds:8.1f}", flush=True)


def main() -> None:
    """Read or make the posts, embed them, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=6000)
    parser.add_argument("--clusters", type=int, default=len(TOPICS))
    parser.add_argument("--corpus", type=Path)
    asked = parser.parse_args()
    names, texts = read_corpus(asked.corpus) if asked.corpus else write_posts(asked.posts)
    _, users = np.unique(names, return_inverse=True)
    device = choose_device("cpu")
    precision = choose_precision("float32", device)
    encoder = Encoder(load_model(EMBEDDED, device=device, precision=precision, max_tokens=TOKENS))

    def embed(some: Sequence[str]) -> np.ndarray:
        return encoder.encode_short_texts(some)

    distinct = sorted(set(texts))
    found = np.concatenate([embed(distinct[at : at + 1024]) for at in range(0, len(distinct), 1024)])
    vectors = found[np.searchsorted(np.array(distinct, object), np.array(texts, object))]
    compare_names(texts, users, vectors, embed, n_clusters=asked.clusters)


if __name__ == "__main__":
    main()
