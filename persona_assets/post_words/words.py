"""The words of a window's posts: one table that several assets count in.

All SQL here reads the relations `english_posts`, `users(user_id, user_number, cluster_id)`, `repeated(uri)` and
`not_taken_at_once(uri)` (repeated or left out), and makes `posts(cluster_id, user_number, uri, words)`, each post once,
and `stop_words(stop_word)`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.consent.left_out import NOTHING_LEFT_OUT, LeftOut, is_in_sorted, leave_out_users
from persona_assets.post_vectors.repeated_uris import find_repeated_uris
from persona_assets.post_words.stop_words import STOP_WORDS

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
    SELECT cluster_id, user_number, uri, text FROM own ANTI JOIN not_taken_at_once USING (uri)
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


@contextmanager
def open_word_tables(  # noqa: PLR0913 - each a choice of the caller's
    users: pa.Table,
    english_posts: pads.Dataset,
    *,
    left_out: LeftOut = NOTHING_LEFT_OUT,
    language: str,
    n_clusters: int,
    memory_limit: str,
    scratch: Path,
) -> Generator[tuple[duckdb.DuckDBPyConnection, frozenset[str]]]:
    """Yield a DuckDB connection with tables of the words of users' distinct posts, and the set of stop words.

    Args:
        users: `user_id` and `cluster_id` of each, in the order in which `users.user_number` counts them from 0.
        english_posts: `tables.ENGLISH_POSTS` of the window.
        left_out: Users and posts whose words are not counted.
        language: Of the posts, ISO 639.
        n_clusters: Their number.
        memory_limit: Of counting, such as "4GB".
        scratch: A folder to spill to.
    """
    repeated = find_repeated_uris(english_posts, memory_limit=memory_limit, scratch=scratch)
    with open_duckdb(memory_limit=memory_limit, scratch=scratch) as connection:
        numbers = pa.array(np.arange(len(users), dtype=np.int32))
        connection.register("users", leave_out_users(users.append_column("user_number", numbers), left_out))
        create_dataset_view(connection, "english_posts", english_posts)
        yield (
            connection,
            create_word_tables(
                connection, repeated_uris=repeated, left_out=left_out.posts, language=language, n_clusters=n_clusters
            ),
        )


def create_word_tables(
    connection: duckdb.DuckDBPyConnection,
    *,
    repeated_uris: pa.Array,
    left_out: pa.StringArray = NOTHING_LEFT_OUT.posts,
    language: str,
    n_clusters: int,
) -> frozenset[str]:
    """Create the tables of posts and words in DuckDB; return the stop words, known ones or words of most clusters.

    Args:
        connection: With `english_posts` and `users`.
        repeated_uris: Uris of posts that `english_posts` has more than once.
        left_out: Uris of posts whose words do not count.
        language: Of the posts, ISO 639. For all but "en", stop words are those that most clusters share.
        n_clusters: Their number.
    """
    # One join for both: with a second one, DuckDB was seen to hold all texts in memory.
    repeated = repeated_uris.filter(pc.invert(is_in_sorted(repeated_uris, left_out)))
    connection.register("repeated", pa.table({"uri": repeated}))
    connection.register("not_taken_at_once", pa.table({"uri": pa.concat_arrays([repeated, left_out])}))
    connection.execute(DEFINE_WORDS)
    connection.execute(LOAD_POSTS)
    stop_words = STOP_WORDS if language == "en" else _find_stop_words(connection, n_clusters)
    connection.register("stop_words", pa.table({"stop_word": pa.array(sorted(stop_words), pa.string())}))
    return stop_words


def _find_stop_words(connection: duckdb.DuckDBPyConnection, n_clusters: int) -> frozenset[str]:
    share = SHARE_OF_A_STOP_WORD if n_clusters > 1 else SHARE_IN_THE_ONLY_CLUSTER
    found = connection.execute(FIND_STOP_WORDS, {"share": share, "n_clusters": n_clusters})
    return frozenset(word for (word,) in found.fetchall())
