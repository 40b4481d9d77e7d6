"""Find the words that set each cluster apart, and draw a sample of its posts as words.

All SQL here reads the relations `english_posts`, `users(user_id, user_number, cluster_id)` and `repeated(uri)`, and
what `load_words` makes of them: `posts(cluster_id, user_number, uri, words)`, each post once, and
`stop_words(stop_word)`.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import duckdb
import pyarrow as pa

from persona_assets.assets.cluster_stats.stop_words import STOP_WORDS

WORDS_OF_A_CLUSTER = 20
# A word must be used by as many users of the cluster: what one of them repeats is theirs alone.
LEAST_USERS = 2
WORDS_OF_A_LABEL = 3
# Of a text's beginning, words are looked at; Bluesky's posts have at most 3,000 bytes.
LETTERS_OF_A_TEXT = 3000
# Longer words are left out: Bluesky's own hashtags have at most 64 letters.
LETTERS_OF_A_WORD = 64
# Languages without a list of stop words: a word says nothing about a cluster's subject where at least this share of the
# users use it in more than half of the clusters. On 20 newsgroups in English that finds 213 words, of which 92 %
# are in our list; with half the share 363, of which 74 % are.
SHARE_OF_A_STOP_WORD = 0.1
# The same where there is one cluster only, whose subject all its users may write of.
SHARE_IN_THE_ONLY_CLUSTER = 0.5

# A text's words: lower case, hashtags with their "#"; without links (also those that the app shortens to
# "site.com/page..."), mentions, numbers, and what follows an apostrophe ("don't" is "do", "nasa's" is "nasa").
DEFINE_WORDS = r"""
CREATE TEMP MACRO words_of(text) AS regexp_extract_all(
    regexp_replace(
        regexp_replace(
            lower(replace(text, chr(8217), '''')),
            'https?://\S+|@[\w.-]+|([\w-]+\.)+[a-z]{2,}/\S*|([\w-]+\.)+(com|org|net|gov|edu|social)\b', ' ', 'g'),
        'n''t\b|''(s|re|ve|ll|d|m)\b', ' ', 'g'),
    '#?\p{L}[\p{L}\p{N}_]+')
"""

# A post counts once, as it was first delivered. Posts are read twice: kept in between, all texts would be held.
LOAD_POSTS = f"""
CREATE TEMP TABLE posts AS
WITH own AS NOT MATERIALIZED (
    SELECT cluster_id, user_number, uri, event_time_us, left(text, {LETTERS_OF_A_TEXT}) AS text
    FROM english_posts JOIN users USING (user_id)
), once AS (
    SELECT cluster_id, user_number, uri, text FROM own ANTI JOIN repeated USING (uri)
    UNION ALL
    SELECT cluster_id, user_number, uri, text FROM own SEMI JOIN repeated USING (uri)
    QUALIFY row_number() OVER (PARTITION BY uri ORDER BY event_time_us, text) = 1
)
SELECT cluster_id, user_number, uri,
    list_filter(words_of(text), lambda word: length(word) <= {LETTERS_OF_A_WORD}) AS words
FROM once
"""  # noqa: S608 - numbers of this module

FIND_STOP_WORDS = """
WITH uses AS (
    SELECT DISTINCT cluster_id, user_number, unnest(words) AS word FROM posts
), sizes AS (
    SELECT cluster_id, count(*) AS users FROM users GROUP BY ALL
), shares AS (
    SELECT word, count(*) / any_value(sizes.users) AS share FROM uses JOIN sizes USING (cluster_id)
    GROUP BY cluster_id, word
)
SELECT word FROM shares WHERE share >= $share
GROUP BY word HAVING count(*) > $n_clusters / 2 ORDER BY word
"""

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


def load_words(
    connection: duckdb.DuckDBPyConnection, *, repeated: pa.Array, language: str, n_clusters: int
) -> frozenset[str]:
    """Make the tables that the queries of this module need, and return the stop words.

    Args:
        connection: With `english_posts` and `users`.
        repeated: Uris of posts that `english_posts` has more than once.
        language: Of the posts, ISO 639. For all but "en", stop words are those that most clusters share.
        n_clusters: Their number.
    """
    connection.register("repeated", pa.table({"uri": repeated}))
    connection.execute(DEFINE_WORDS)
    connection.execute(LOAD_POSTS)
    stop_words = STOP_WORDS if language == "en" else _find_stop_words(connection, n_clusters)
    connection.register("stop_words", pa.table({"stop_word": pa.array(sorted(stop_words), pa.string())}))
    return stop_words


def _find_stop_words(connection: duckdb.DuckDBPyConnection, n_clusters: int) -> frozenset[str]:
    share = SHARE_OF_A_STOP_WORD if n_clusters > 1 else SHARE_IN_THE_ONLY_CLUSTER
    found = connection.execute(FIND_STOP_WORDS, {"share": share, "n_clusters": n_clusters})
    return frozenset(word for (word,) in found.fetchall())


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
