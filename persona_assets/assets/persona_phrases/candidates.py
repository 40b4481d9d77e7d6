"""Count phrases of one to three words in a sample of each cluster's posts, and keep the most distinctive ones."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

# Posts of a cluster, and of all clusters together, in which phrases are sought.
MAX_POSTS_OF_A_CLUSTER = 2_000
MIN_POSTS_OF_A_CLUSTER = 100
MAX_POSTS = 200_000
# Phrases kept of a cluster for each number of words; of many clusters fewer, as each phrase is embedded.
MAX_CANDIDATES = 12
MANY_CLUSTERS, MAX_CANDIDATES_OF_MANY = 200, 6
# A phrase must be written by as many users: what one of them repeats is theirs alone.
MIN_USERS = 2

# Class-based TF-IDF (Grootendorst, BERTopic, 2022) in which a class is a cluster, a phrase counts once a user, and
# phrases are weighed against those of as many words: score = share of the cluster's uses * ln(1 + mean uses of a
# cluster / uses in all clusters). Which posts are drawn depends on their URIs alone. A phrase neither begins nor ends
# with a stop word, and between two words stands at most "of", "and", "in" or "for".
FIND_PHRASES = """
WITH drawn AS (
    SELECT cluster_id, user_number, words FROM posts
    QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY md5(uri), uri) <= $posts
), grams AS (
    SELECT cluster_id, user_number, 1 AS n_words, [unnest(words)] AS parts FROM drawn
    UNION ALL
    SELECT cluster_id, user_number, 2, unnest(list_transform(
        range(1, len(words)), lambda i: words[i : i + 1])) FROM drawn
    UNION ALL
    SELECT cluster_id, user_number, 3, unnest(list_transform(
        range(1, len(words) - 1), lambda i: words[i : i + 2])) FROM drawn
), counted AS (
    SELECT cluster_id, n_words, array_to_string(parts, ' ') AS phrase, count(DISTINCT user_number) AS users FROM grams
    WHERE parts[1] NOT IN (SELECT stop_word FROM stop_words) AND parts[-1] NOT IN (SELECT stop_word FROM stop_words)
        AND (
            n_words < 3 OR parts[2] NOT IN (SELECT stop_word FROM stop_words)
            OR parts[2] IN ('of', 'and', 'in', 'for')
        )
        AND len(list_distinct(parts)) = n_words
    GROUP BY ALL
), of_cluster AS (
    SELECT cluster_id, n_words, sum(users) AS uses FROM counted GROUP BY ALL
), mean_uses AS (
    SELECT n_words, avg(uses) AS uses FROM of_cluster GROUP BY n_words
), of_phrase AS (
    SELECT phrase, sum(users) AS uses FROM counted GROUP BY phrase
), scored AS (
    SELECT cluster_id, n_words, phrase, users, round(
        users / of_cluster.uses * ln(1 + mean_uses.uses / of_phrase.uses), 12) AS score
    FROM counted JOIN of_cluster USING (cluster_id, n_words) JOIN mean_uses USING (n_words)
    JOIN of_phrase USING (phrase) WHERE users >= $min_users
)
SELECT cluster_id, n_words, phrase, users, score FROM scored
QUALIFY row_number() OVER (PARTITION BY cluster_id, n_words ORDER BY score DESC, phrase) <= $most
ORDER BY cluster_id, n_words, score DESC, phrase
"""


class CandidatePhrase(NamedTuple):
    """A phrase of one to three words that may describe a cluster, with its number of users and score."""

    phrase: str  # lower case, its words separated by spaces
    users: int  # of the cluster who wrote it, in the sample
    score: float  # class-based TF-IDF as a share of the cluster's best phrase of as many words, above 0, at most 1


def find_candidate_phrases(connection: duckdb.DuckDBPyConnection, *, n_clusters: int) -> list[list[CandidatePhrase]]:
    """Return each cluster's most distinctive phrases of one to three words, each written by two users or more.

    Args:
        connection: After `post_words.words.create_word_tables`.
        n_clusters: Number of clusters.
    """
    posts = max(MIN_POSTS_OF_A_CLUSTER, min(MAX_POSTS_OF_A_CLUSTER, MAX_POSTS // n_clusters))
    most = MAX_CANDIDATES if n_clusters <= MANY_CLUSTERS else MAX_CANDIDATES_OF_MANY
    found = connection.execute(FIND_PHRASES, {"posts": posts, "min_users": MIN_USERS, "most": most}).fetchall()
    best: dict[tuple[int, int], float] = {}
    candidates: list[list[CandidatePhrase]] = [[] for _ in range(n_clusters)]
    for cluster, n_words, phrase, users, score in found:  # the best of each number of words comes first
        greatest = best.setdefault((cluster, n_words), score)
        candidates[cluster].append(CandidatePhrase(phrase, users, score / greatest if greatest > 0 else 1.0))
    return candidates
