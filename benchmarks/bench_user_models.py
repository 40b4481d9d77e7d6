"""Measure clusters of users with few posts, some of them off topic: the mean of posts against a mixture of posts.

    python benchmarks/bench_user_models.py             # newsgroups: about ten minutes, most of them the embedding

Whole users are the authors of newsgroups with at least two texts of their main group. Noisy users are two or three
texts of an author, cut to the length of a post, 30 % of which are replaced by any text of the corpus. Columns are the
adjusted Rand index with the main group, means of three seeds:

- `mean`: the product's clusters, of the mean vector of each user's posts; `k-means`: scikit-learn's, on the same means.
- `mixture`: expectation maximisation on posts from the product's fit. A user has one topic; a post is of that topic
  with probability 1 - noise, and otherwise of any topic, by their shares. The density of a post given a topic is
  proportional to exp(concentration * cosine).
- `whitened`: the same two after `PERSONA_WHITEN_USERS`, with posts whitened by the covariance within users.
"""

import argparse
import gzip
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from bench_linkage import NEWSGROUPS, POST, make_embed
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from persona_assets.assets.clusters.lloyd import ClusterSpec
from persona_assets.assets.clusters.methods import fit_clusters

SEEDS, SMALLEST, OFF_TOPIC, ITERATIONS, RIDGE = 3, 5, 0.3, 30, 0.1
SHORTEST, SHORTEST_USER = 30, 2  # characters of a text, posts of a user
MODELS = {
    f"mixture {concentration}, {noise}": (concentration, noise) for concentration in (20, 30) for noise in (0.1, 0.3)
}


class Posts(NamedTuple):
    """Vectors of posts, the user of each, and the main group of each user."""

    vectors: np.ndarray  # (n_posts, d), unit length
    users: np.ndarray  # (n_posts,)
    groups: np.ndarray  # (n_users,)


def read_posts(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vectors of all texts, cut to the length of a post, with their authors and groups as numbers."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    texts = [" ".join(row["text"].split())[:POST] for row in rows]
    long = [number for number, text in enumerate(texts) if len(text) >= SHORTEST]
    numbers = [np.unique([rows[row][name] for row in long], return_inverse=True)[1] for name in ("user", "group")]
    return make_embed()([texts[row] for row in long]), *numbers


def draw_users(vectors: np.ndarray, authors: np.ndarray, groups: np.ndarray, *, noisy: bool, seed: int) -> Posts:
    """Return whole users, or users of two or three posts with noise."""
    rng = np.random.default_rng(seed)
    posts, users, truth = list[int](), list[int](), list[int]()
    for author in np.unique(authors):
        own = np.flatnonzero(authors == author)
        group = int(np.bincount(groups[own]).argmax())
        own = rng.permutation(own[groups[own] == group])
        cuts = np.cumsum(rng.integers(2, 4, len(own))) if noisy else []
        for chunk in np.split(own, [cut for cut in cuts if cut < len(own)]):
            if len(chunk) < SHORTEST_USER:
                continue
            replaced = rng.random(len(chunk)) < (OFF_TOPIC if noisy else 0)
            chunk[replaced] = rng.integers(0, len(vectors), replaced.sum())
            users += [len(truth)] * len(chunk)
            posts += chunk.tolist()
            truth.append(group)
    return Posts(vectors[posts], np.array(users), np.array(truth))


def average(posts: Posts) -> np.ndarray:
    """Return the mean vector of each user, float32 of unit length."""
    sums = np.zeros((len(posts.groups), posts.vectors.shape[1]))
    np.add.at(sums, posts.users, posts.vectors)
    return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)


def whiten(posts: Posts) -> Posts:
    """Return the posts multiplied by the inverse square root of their covariance within users."""
    sums = np.zeros((len(posts.groups), posts.vectors.shape[1]))
    np.add.at(sums, posts.users, posts.vectors)
    around = posts.vectors - (sums / np.bincount(posts.users)[:, None])[posts.users]
    covariance = around.T @ around / (len(around) - len(sums))
    variances, axes = np.linalg.eigh(
        covariance + RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    )
    vectors = posts.vectors @ (axes / np.sqrt(variances)) @ axes.T
    return posts._replace(vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def fit_mixture(posts: Posts, labels: np.ndarray, concentration: float, noise: float) -> np.ndarray:
    """Return the topic of each user after expectation maximisation from `labels`."""
    vectors, k = posts.vectors.astype(np.float64), int(labels.max()) + 1
    topics = np.full((len(labels), k), 0.05 / k)
    topics[np.arange(len(labels)), labels] += 0.95
    on_topic = np.full((len(vectors), k), 1 - noise)
    for _ in range(ITERATIONS):
        centres = (topics[posts.users] * on_topic).T @ vectors
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
        shares = topics.mean(axis=0) + 1e-6
        shares /= shares.sum()
        density = concentration * (vectors @ centres.T)
        highest = density.max(axis=1, keepdims=True)
        any_topic = highest + np.log((np.exp(density - highest) * shares).sum(axis=1, keepdims=True))
        both = np.logaddexp(np.log(1 - noise) + density, np.log(noise) + any_topic)
        on_topic = np.exp(np.log(1 - noise) + density - both)
        of_user = np.tile(np.log(shares), (len(labels), 1))
        np.add.at(of_user, posts.users, both)
        topics = np.exp(of_user - of_user.max(axis=1, keepdims=True))
        topics /= topics.sum(axis=1, keepdims=True)
    return topics.argmax(axis=1)


def score(posts: Posts, k: int, seed: int) -> dict[str, float]:
    """Return the adjusted Rand index of each way."""
    scores = {}
    for prefix, given in (("", posts), ("whitened ", whiten(posts))):
        means = average(given)
        labels = fit_clusters(means, ClusterSpec(k, SMALLEST), seed=seed).labels
        found = {"mean": labels, "k-means": KMeans(k, n_init=3, random_state=seed).fit_predict(means)}
        found |= {name: fit_mixture(given, labels, *model) for name, model in MODELS.items()}
        scores |= {prefix + name: adjusted_rand_score(posts.groups, one) for name, one in found.items()}
    return scores


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--newsgroups", type=Path, default=NEWSGROUPS)
    corpus = read_posts(parser.parse_args().newsgroups)
    k = len(np.unique(corpus[2]))
    columns = {}
    for name, noisy in (("noisy users", True), ("whole users", False)):
        drawn = [draw_users(*corpus, noisy=noisy, seed=seed) for seed in range(SEEDS)]
        print(f"{name}: {len(drawn[0].groups):,} of {len(drawn[0].users):,} posts, {k} groups")
        scores = [score(posts, k, seed) for seed, posts in enumerate(drawn)]
        columns[name] = {way: float(np.mean([one[way] for one in scores])) for way in scores[0]}
    print("\n| way | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for way in columns["noisy users"]:
        print(f"| {way} | " + " | ".join(f"{column[way]:.3f}" for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
