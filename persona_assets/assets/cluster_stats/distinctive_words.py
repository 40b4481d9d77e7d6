"""Find the words that set each cluster apart, and draw a sample of its posts as words.

All SQL here reads what `post_words.words.load_words` makes: `posts(cluster_id, user_number, uri, words)` and
`stop_words(stop_word)`.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import duckdb

WORDS_OF_A_CLUSTER = 20
# A word must be used by as many users of the cluster: what one of them repeats is theirs alone.
LEAST_USERS = 2
WORDS_OF_A_LABEL = 3
# Class-based TF-IDF (Grootendorst, BERTopic, 2022) in which a class is a cluster and a word counts once a
# user: score = share of the cluster's word uses * ln(1 + mean uses of a cluster / uses in all clusters).
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
    WHERE users >= $least_users
)
SELECT cluster_id, word, score, users FROM scored
QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY round(score, 12) DESC, word) <= $most
ORDER BY cluster_id, round(score, 12) DESC, word
"""

# Which posts are drawn depends on their URIs alone, not on the order in which they come. Of those without a word that
# says something none is drawn: they would leave fewer than were asked for.
SAMPLE_POSTS = """
WITH telling AS (
    SELECT DISTINCT number FROM (SELECT rowid AS number, unnest(words) AS word FROM posts)
    WHERE word NOT IN (SELECT stop_word FROM stop_words)
)
SELECT cluster_id, words FROM posts WHERE rowid IN (SELECT number FROM telling)
QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY md5(uri), uri) <= $most
ORDER BY cluster_id, md5(uri), uri
"""


class Word(NamedTuple):
    """A word of a cluster."""

    word: str
    score: float
    users: int  # of the cluster who wrote it


def find_words(connection: duckdb.DuckDBPyConnection, *, n_clusters: int) -> list[list[Word]]:
    """Return each cluster's best words, best first, at most `WORDS_OF_A_CLUSTER`.

    Words are counted out of core: memory is what the connection is limited to.
    """
    found = connection.execute(SCORE_WORDS, {"least_users": LEAST_USERS, "most": WORDS_OF_A_CLUSTER})
    words: list[list[Word]] = [[] for _ in range(n_clusters)]
    for cluster, word, score, users in found.fetchall():
        words[cluster].append(Word(word, score, users))
    return words


def sample_posts(
    connection: duckdb.DuckDBPyConnection, stop_words: Container[str], *, n_clusters: int, most: int
) -> list[list[list[str]]]:
    """Return for each cluster the words of at most `most` of its posts, in an order that depends on URIs only.

    Args:
        connection: After `load_words`.
        stop_words: Are left out.
        n_clusters: Number of clusters.
        most: Posts of a cluster; as many, where it has as many with words.
    """
    posts: list[list[list[str]]] = [[] for _ in range(n_clusters)]
    for cluster, words in connection.execute(SAMPLE_POSTS, {"most": most}).fetchall():
        posts[cluster].append([word for word in words if word not in stop_words])
    return posts


def label_from(words: list[Word]) -> str:
    """Return a short label, the best words; of "cat", "cats" and "#cats" the best. Says so where there are none."""
    stems: dict[str, str] = {}
    for word in words:
        stems.setdefault(word.word.removeprefix("#").removesuffix("s"), word.word)
    return " · ".join([*stems.values()][:WORDS_OF_A_LABEL]) or "no common words"
