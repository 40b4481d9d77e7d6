"""Measure cost and quality of words, medoids and topics of clusters, compared with the reference's algorithms.

    python benchmarks/bench_stats.py                     # 20,000 posts: a minute
    python benchmarks/bench_stats.py --posts 200000

The posts are sample texts of ten planted personas, with one cluster per persona. The vector of a post is the sum of
vectors of its words. The reference (BluePrint, get_cluster_stats.py) uses one TF-IDF document per cluster, medoids by
the distances of all posts to a sample of 1,000, and scikit-learn's LDA with five topics on all posts. `right` is the
share of clusters whose five best words are planted, whose first medoid is at least as central as that of the other
method, or whose largest topic has three planted words among its first five.
"""

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
from scipy.spatial.distance import cdist
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from persona_assets import tables
from persona_assets.assets.cluster_stats.distinctive_words import find_distinctive_words, sample_post_words
from persona_assets.assets.cluster_stats.medoids import find_medoids
from persona_assets.assets.cluster_stats.summarise import MAX_TOPIC_POSTS, MAX_TOPIC_POSTS_PER_CLUSTER
from persona_assets.assets.cluster_stats.topics import find_topics
from persona_assets.common.database import open_duckdb
from persona_assets.post_vectors.exact_sums import add_by_row, to_unit_vectors
from persona_assets.post_vectors.read import read_post_vectors
from persona_assets.post_words.stop_words import STOP_WORDS
from persona_assets.post_words.words import create_word_tables
from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS

PERSONAS = list(TOPICS)
DIMENSIONS, POSTS_OF_A_USER = 384, 10


class Posts(NamedTuple):
    """Generated posts with clusters and vectors."""

    texts: list[str]
    clusters: np.ndarray  # of each post
    users: np.ndarray  # of each post
    vectors: np.ndarray  # unit length


def write_posts(count: int, *, seed: int = 1) -> Posts:
    """Generate `count` posts of planted personas."""
    rng = np.random.default_rng(seed)
    people = [p for p in make_people(round(count / POSTS_OF_A_USER / 0.75), len(PERSONAS), rng) if p.persona]
    users = np.arange(count) % len(people)
    texts = [generate_text(people[user], PERSONAS, rng, answering=bool(user % 3 == 0)) for user in users]
    clusters = np.array([PERSONAS.index(people[user].persona) for user in users])
    words: dict[str, np.ndarray] = {}
    vectors = np.full((count, DIMENSIONS), 0.01, np.float32)
    for row, text in enumerate(texts):
        for word in sorted(words_in(text)):
            vectors[row] += words.setdefault(word, np.random.default_rng(len(words)).normal(size=DIMENSIONS))
    return Posts(texts, clusters, users, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def words_in(text: str) -> set[str]:
    """Return the words of a text without stop words."""
    return set(re.findall(r"[^\W\d_]{2,}", text.lower())) - STOP_WORDS


def planted(cluster: int) -> set[str]:
    """Return the words from which the texts of a persona are generated."""
    topic = TOPICS[PERSONAS[cluster]]
    return words_in(" ".join(topic.things + topic.doings + topic.sentences))


# --- words and topics: lists of words by cluster


def our_words(posts: Posts) -> list[list[str]]:
    """Class-based TF-IDF in DuckDB."""
    with TemporaryDirectory() as scratch, open_duckdb(memory_limit="1GB", scratch=Path(scratch)) as con:
        _register(con, posts)
        return [[word.word for word in words] for words in find_distinctive_words(con, n_clusters=len(PERSONAS))]


def our_topics(posts: Posts) -> list[list[str]]:
    """Three LDA models for each cluster's sample, chosen by coherence: the heaviest topic."""
    most = min(MAX_TOPIC_POSTS_PER_CLUSTER, MAX_TOPIC_POSTS // len(PERSONAS))
    with TemporaryDirectory() as scratch, open_duckdb(memory_limit="1GB", scratch=Path(scratch)) as con:
        _register(con, posts)
        samples = sample_post_words(con, STOP_WORDS, n_clusters=len(PERSONAS), max_posts=most)
    return [find_topics(sample, seed=0).topics[0] for sample in samples]


def _register(con: Any, posts: Posts) -> None:
    uris = [f"at://{user}/{number}" for number, user in enumerate(posts.users)]
    users, first = np.unique(posts.users, return_index=True)
    columns = {"uri": uris, "user_id": posts.users, "text": posts.texts, "event_time_us": range(len(uris))}
    con.register("english_posts", pa.table({name: pa.array(column) for name, column in columns.items()}))
    con.register("users", pa.table({"user_id": users, "user_number": users, "cluster_id": posts.clusters[first]}))
    create_word_tables(con, repeated_uris=pa.array([], pa.string()), language="en", n_clusters=len(PERSONAS))


def reference_words(posts: Posts) -> list[list[str]]:
    """TF-IDF over one document a cluster."""
    documents = [" ".join(_of(posts, cluster)) for cluster in range(len(PERSONAS))]
    vectorizer = TfidfVectorizer(min_df=2, max_df=0.95)
    scores, names = vectorizer.fit_transform(documents).toarray(), vectorizer.get_feature_names_out()
    return [[names[place] for place in row.argsort()[::-1][:5]] for row in scores]


def reference_topics(posts: Posts) -> list[list[str]]:
    """The largest of the five topics."""
    found = []
    for cluster in range(len(PERSONAS)):
        vectorizer = CountVectorizer(max_df=0.95, min_df=2, stop_words="english")
        counts = vectorizer.fit_transform(_of(posts, cluster))
        model = LatentDirichletAllocation(n_components=5, random_state=42, learning_method="online").fit(counts)
        heaviest = model.components_[model.transform(counts).sum(axis=0).argmax()]
        found.append([vectorizer.get_feature_names_out()[place] for place in heaviest.argsort()[::-1][:10]])
    return found


def _of(posts: Posts, cluster: int) -> list[str]:
    return [posts.texts[place] for place in np.flatnonzero(posts.clusters == cluster)]


# --- medoids: the row of each cluster's first


def our_medoids(posts: Posts) -> list[int]:
    """Posts nearest the mean, in two passes over the vectors."""
    rows = {f"{user}": number for number, user in enumerate(np.unique(posts.users))}
    first = np.unique(posts.users, return_index=True)[1]
    uris = [f"{number}" for number in range(len(posts.texts))]
    schema = tables.embeddings_schema(DIMENSIONS, pa.float32())
    flat = pa.array(posts.vectors.ravel())
    column = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)
    vectors = pads.dataset(pa.table([uris, [f"{user}" for user in posts.users], column], schema=schema))
    clusters = posts.clusters[first].astype(np.int64)
    sums = np.zeros((len(PERSONAS), DIMENSIONS))
    for batch in read_post_vectors(vectors, rows):
        add_by_row(sums, clusters[batch.rows], batch.vectors)
    texts = pads.dataset(pa.table({"uri": uris, "text": posts.texts, "event_time_us": pa.array(range(len(uris)))}))
    found = find_medoids(read_post_vectors(vectors, rows), texts, clusters=clusters, means=to_unit_vectors(sums))
    return [int(medoids[0].uri) for medoids in found]


def reference_medoids(posts: Posts) -> list[int]:
    """The post with the minimum sum of distances to a sample of posts."""
    rng, found = np.random.default_rng(42), []
    for cluster in range(len(PERSONAS)):
        own = np.flatnonzero(posts.clusters == cluster)
        drawn = own if len(own) <= 1000 else rng.choice(own, min(1000, len(own) // 2), replace=False)  # noqa: PLR2004 - the reference's
        found.append(int(own[cdist(posts.vectors[drawn], posts.vectors[own], "cosine").sum(axis=0).argmin()]))
    return found


def centrality(posts: Posts, medoids: list[int]) -> np.ndarray:
    """Return each medoid's mean cosine to all posts of its cluster."""
    means = np.array([posts.vectors[posts.clusters == cluster].mean(axis=0) for cluster in range(len(PERSONAS))])
    return np.einsum("ij,ij->i", posts.vectors[medoids], means)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=20_000)
    posts = write_posts(parser.parse_args().posts)
    find_topics([["warm", "up"]] * 20 + [["import", "scipy"]] * 20, seed=0)
    cost: dict[str, float] = {}

    def timed(name: str, way: Callable[[Posts], Any]) -> Any:
        start = time.process_time()
        found = way(posts)
        cost[name] = time.process_time() - start
        return found

    def share(found: list[list[str]], least: int) -> float:
        right = [len(set(words[:5]) & planted(cluster)) >= least for cluster, words in enumerate(found)]
        return float(np.mean(right))

    rows = [
        ("words", way, share(timed(way, f), 5)) for way, f in {"ours": our_words, "reference": reference_words}.items()
    ]
    rows = [(*row, cost[row[1]]) for row in rows]
    medoids = {way: timed(way, f) for way, f in {"ours": our_medoids, "reference": reference_medoids}.items()}
    central = {way: centrality(posts, found) for way, found in medoids.items()}
    best = np.maximum(central["ours"], central["reference"]) - 1e-6
    rows += [("medoids", way, float(np.mean(values >= best)), cost[way]) for way, values in central.items()]
    for way, find in {"ours": our_topics, "reference": reference_topics}.items():
        rows.append(("topics", way, share(timed(way, find), 3), cost[way]))
    print("| what | way | right | cpu_s |\n|---|---|---|---|")
    for what, way, right, seconds in rows:
        print(f"| {what} | {way} | {right:.0%} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
