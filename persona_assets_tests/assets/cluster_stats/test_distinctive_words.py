"""Words that set clusters apart."""

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.cluster_stats.distinctive_words import (
    NO_WORDS,
    SEPARATOR,
    ClusterWord,
    find_distinctive_words,
    label_from_words,
    sample_post_words,
)
from persona_assets.assets.persona_labels import carry_names
from persona_assets.assets.persona_phrases import rank
from persona_assets.common.database import create_dataset_view, open_duckdb
from persona_assets.post_words.words import LETTERS_OF_A_WORD, create_word_tables
from persona_assets_tests.assets.cluster_stats.builders import TALK, clusters_of, posts_of, shuffled, window


@pytest.fixture
def connection(tmp_path):
    with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
        yield connection


def load(connection, posts, clusters, *, repeated=(), language="en"):
    create_dataset_view(connection, "english_posts", posts)
    connection.register("users", clusters.append_column("user_number", pa.array(range(len(clusters)), pa.int32())))
    n_clusters = max(clusters["cluster_id"].to_pylist()) + 1
    uris = pa.array(repeated, pa.string())
    return create_word_tables(connection, repeated_uris=uris, language=language, n_clusters=n_clusters)


def test_the_best_words_of_a_cluster_are_those_that_only_it_uses(connection):
    posts, _, clusters = window()
    load(connection, posts, clusters)

    words = find_distinctive_words(connection, n_clusters=3)

    for best, talk in zip(words, TALK.values(), strict=True):
        assert {word.word for word in best} <= set(talk.split())
        assert len(best) >= 5
        assert [word.score for word in best] == sorted((word.score for word in best), reverse=True)


def test_a_word_counts_once_per_user_and_needs_two_users(connection):
    posts = posts_of(["1", "2", "3", "4"], ["a", "a", "b", "b"], ["spam spam tea", "spam tea", "tea", "ham the"])
    load(connection, posts, clusters_of({"a": 0, "b": 0}))

    assert [(word.word, word.users) for word in find_distinctive_words(connection, n_clusters=1)[0]] == [("tea", 2)]


def test_the_order_of_posts_changes_neither_words_nor_sample(tmp_path):
    posts, _, clusters = window()
    found = []
    for seed in (0, 1):
        with open_duckdb(memory_limit="200MB", scratch=tmp_path) as connection:
            stop_words = load(connection, shuffled(posts, seed), clusters)
            sample = sample_post_words(connection, stop_words, n_clusters=3, max_posts=5)
            found.append((find_distinctive_words(connection, n_clusters=3), sample))

    assert found[0] == found[1]
    assert [len(sample) for sample in found[0][1]] == [5, 5, 5]


def test_a_post_of_two_days_is_sampled_once_and_the_sample_stays_full(connection):
    uris = [f"{number:02}" for number in range(50)]
    day = posts_of(uris, ["a"] * 50, [f"word{number:02}" for number in range(50)])
    stop_words = load(connection, pa.concat_tables([day, day]), clusters_of({"a": 0}), repeated=uris)

    (sample,) = sample_post_words(connection, stop_words, n_clusters=1, max_posts=30)

    assert len(sample) == len({word for (word,) in sample}) == 30


def test_posts_without_words_are_not_sampled(connection):
    texts = ["the", "\U0001f600", "https://a.org", "tea"] * 10
    posts = posts_of([f"{number}" for number in range(40)], ["a"] * 40, texts)
    stop_words = load(connection, posts, clusters_of({"a": 0}))

    assert sample_post_words(connection, stop_words, n_clusters=1, max_posts=10) == [[["tea"]] * 10]


@pytest.mark.parametrize(
    "text",
    [
        ("x" * 50_000 + " ") * 2,
        " ".join(f"w{number:x}" for number in range(15_000)),
        "https://" + "a" * 100_000,
        "\u202e\0 \u05e9\u05dc\u05d5\u05dd " * 12_000,
    ],
    ids=["long words", "many words", "a link", "right to left, with NULs"],
)
def test_texts_far_longer_than_posts_can_be_fit_into_the_memory(tmp_path, text):
    users = [f"{number}" for number in range(1000)]
    posts = posts_of(users, users, [f"tea {text}"] * 1000)  # 100 MB
    pq.write_table(posts, tmp_path / "posts.parquet", row_group_size=100)
    with open_duckdb(memory_limit="100MB", scratch=tmp_path) as connection:
        posts = pads.dataset(tmp_path / "posts.parquet")
        stop_words = load(connection, posts, clusters_of(dict.fromkeys(users, 0)))
        words = find_distinctive_words(connection, n_clusters=1)
        sample = sample_post_words(connection, stop_words, n_clusters=1, max_posts=600)

    assert "tea" in {word.word for word in words[0]}
    assert max(len(word) for post in sample[0] for word in post) <= LETTERS_OF_A_WORD
    assert len(sample[0]) == 600


GERMAN = {
    "garten": "tomaten kompost rosen mulch",
    "motor": "kolben getriebe turbo auspuff",
    "oper": "sopran arie tenor",
}


def talk_german(*, topics=3, users=12):
    """Posts of users who talk of one thing each in words that all share."""
    written = [
        (f"{topic}{user}", cluster, f"und das {word} ist nicht die {topic}")
        for cluster, (topic, words) in enumerate([*GERMAN.items()][:topics])
        for user in range(users)
        for word in words.split()
    ]
    users, clusters, texts = (list(column) for column in zip(*written, strict=True))
    posts = posts_of([f"{number}" for number in range(len(texts))], users, texts)
    return posts, clusters_of(dict(zip(users, clusters, strict=True)))


def test_stop_words_of_another_language_are_those_that_most_clusters_share(connection):
    stop_words = load(connection, *talk_german(), language="de")

    assert stop_words == {"und", "das", "ist", "nicht", "die"}
    for best, (topic, words) in zip(find_distinctive_words(connection, n_clusters=3), GERMAN.items(), strict=True):
        assert {word.word for word in best} == {topic, *words.split()}
    sample = sample_post_words(connection, stop_words, n_clusters=3, max_posts=50)
    assert {word for posts in sample for words in posts for word in words}.isdisjoint(stop_words)


def test_words_that_half_of_the_users_of_the_only_cluster_use_are_stop_words(connection):
    posts = posts_of(list("1234"), list("abcd"), ["der tee", "der tee", "der hund", "der kaffee"])

    assert load(connection, posts, clusters_of(dict.fromkeys("abcd", 0)), language="de") == {"der", "tee"}
    assert find_distinctive_words(connection, n_clusters=1) == [[]]


def test_a_label_is_the_best_words_each_in_one_form():
    assert label_from_words([ClusterWord(word, 1, 2) for word in "abcd"]) == "a · b · c"
    assert (
        label_from_words([ClusterWord(word, 1, 2) for word in ("cats", "#cats", "cat", "purr", "box")])
        == "cats · purr · box"
    )
    assert label_from_words([]) == "no common words"


def test_words_of_a_label_are_separated_like_the_phrases_of_a_persona():
    assert SEPARATOR == carry_names.SEPARATOR
    assert NO_WORDS == rank.NO_NAME
