"""Find the most distinctive words of each cluster, and sample its posts as lists of words.

The SQL reads the tables that `post_words.words.create_word_tables` creates: `stop_words(stop_word)` and
`posts(cluster_id, user_number, uri, words)`.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import duckdb

WORDS_PER_CLUSTER = 20
# Minimum number of users of the cluster who use a word: what one user repeats says nothing about the cluster.
MIN_USERS = 2
WORDS_PER_LABEL = 3
# Between the phrases of a name, as in `persona_labels`.
SEPARATOR = " · "
# Label of a cluster without words. `persona_labels` adds a number where there are several.
NO_WORDS = "no common words"
# Class-based TF-IDF (Grootendorst, BERTopic, 2022) in which a class is a cluster and a word counts once
# per user: score = share of the cluster's word uses * ln(1 + mean uses of a cluster / uses in all clusters).
SCORE_WORDS = """
WITH uses AS (
    SELECT DISTINCT cluster_id, user_number, unnest(words) AS word FROM posts
), counted AS (
    SELECT cluster_id, word, count(*) AS users FROM uses
    WHERE word NOT IN (SELECT stop_word FROM stop_words) GROUP BY ALL
), of_cluster AS (
    SELECT cluster_id, sum(users) AS uses FROM counted GROUP BY ALL
), of_word AS (
    SELECT word, sum(users) AS uses FROM counted GROUP BY ALL
), scored AS (
    SELECT cluster_id, word, users,
        users / of_cluster.uses * ln(1 + (SELECT avg(uses) FROM of_cluster) / of_word.uses) AS score
    FROM counted JOIN of_cluster USING (cluster_id) JOIN of_word USING (word)
    WHERE users >= $min_users
)
SELECT cluster_id, word, score, users FROM scored
QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY round(score, 12) DESC, word) <= $max_rows
ORDER BY cluster_id, round(score, 12) DESC, word
"""

# The sample depends on URIs only, not on the order of rows. Posts of stop words alone are excluded, because they would
# leave the sample smaller than asked for.
SAMPLE_POSTS = """
WITH with_words AS (
    SELECT DISTINCT number FROM (SELECT rowid AS number, unnest(words) AS word FROM posts)
    WHERE word NOT IN (SELECT stop_word FROM stop_words)
)
SELECT cluster_id, words FROM posts WHERE rowid IN (SELECT number FROM with_words)
QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY md5(uri), uri) <= $max_rows
ORDER BY cluster_id, md5(uri), uri
"""


class ClusterWord(NamedTuple):
    """A distinctive word of a cluster, with its class-based TF-IDF score and the number of users who wrote it."""

    word: str
    score: float  # class-based TF-IDF
    users: int  # number of the cluster's users


def find_distinctive_words(connection: duckdb.DuckDBPyConnection, *, n_clusters: int) -> list[list[ClusterWord]]:
    """Return the `WORDS_PER_CLUSTER` words of each cluster with the highest class-based TF-IDF, highest first.

    Memory is bounded by the limit of the connection.

    Args:
        connection: After `create_word_tables`.
        n_clusters: Number of clusters.
    """
    found = connection.execute(SCORE_WORDS, {"min_users": MIN_USERS, "max_rows": WORDS_PER_CLUSTER})
    words: list[list[ClusterWord]] = [[] for _ in range(n_clusters)]
    for cluster, word, score, users in found.fetchall():
        words[cluster].append(ClusterWord(word, score, users))
    return words


def sample_post_words(
    connection: duckdb.DuckDBPyConnection, stop_words: Container[str], *, n_clusters: int, max_posts: int
) -> list[list[list[str]]]:
    """Sample at most `max_posts` posts of each cluster; return the words of each post without stop words.

    Args:
        connection: After `create_word_tables`.
        stop_words: Words to leave out.
        n_clusters: Number of clusters.
        max_posts: Maximum posts of a cluster. Fewer only if the cluster has fewer posts with words.
    """
    posts: list[list[list[str]]] = [[] for _ in range(n_clusters)]
    for cluster, words in connection.execute(SAMPLE_POSTS, {"max_rows": max_posts}).fetchall():
        posts[cluster].append([word for word in words if word not in stop_words])
    return posts


def label_from_words(words: list[ClusterWord]) -> str:
    """Join the first `WORDS_PER_LABEL` words to a label; return "no common words" if there are none.

    Of words that differ by a leading # or a final s only, such as "cat", "cats" and "#cats", the best one is taken.
    """
    stems: dict[str, str] = {}
    for word in words:
        stems.setdefault(word.word.removeprefix("#").removesuffix("s"), word.word)
    return SEPARATOR.join([*stems.values()][:WORDS_PER_LABEL]) or NO_WORDS
