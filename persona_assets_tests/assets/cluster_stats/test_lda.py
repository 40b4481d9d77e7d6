"""LDA of all documents at once."""

import numpy as np
import pytest
from gensim.models import LdaModel

from persona_assets.assets.cluster_stats.lda import build_corpus, fit_lda

WORDS = 60


def draw_documents(seed, count):
    rng = np.random.default_rng(seed)
    popular = rng.dirichlet(np.full(WORDS, 0.3))
    return [rng.choice(WORDS, p=popular, size=rng.integers(1, 30)).tolist() for _ in range(count)]


def fit(documents, *, topics=3, passes=5, iterations=20, seed=0):
    corpus = build_corpus(documents)
    return fit_lda(corpus, topics=topics, words=WORDS, passes=passes, iterations=iterations, seed=seed)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("topics", [1, 3, 8])
def test_one_pass_gives_the_topics_of_gensim(seed, topics):
    documents = draw_documents(seed, 40 + 17 * seed)
    bags = [[*zip(*np.unique(words, return_counts=True), strict=True)] for words in documents]
    asked = {"num_topics": topics, "iterations": 20, "passes": 1, "random_state": seed, "eval_every": 0}

    expected = LdaModel(bags, id2word={number: f"w{number}" for number in range(WORDS)}, **asked).get_topics()
    found = fit(documents, topics=topics, passes=1, seed=seed).words

    np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), expected, rtol=2e-3, atol=1e-6)


def test_topics_separate_words_of_different_documents():
    documents = [[0, 1, 2], [3, 4, 5]] * 40

    found = fit(documents, topics=2)

    assert sorted(sorted(np.argsort(-row)[:3].tolist()) for row in found.words) == [[0, 1, 2], [3, 4, 5]]
    assert found.weights.max() < 0.6 * found.weights.sum()


def test_weights_count_the_words_and_the_priors_of_documents():
    documents = draw_documents(1, 50)

    found = fit(documents, topics=4)

    assert found.words.shape == (4, WORDS)
    assert found.words.dtype == found.weights.dtype == np.float32
    np.testing.assert_allclose(found.weights.sum(), sum(map(len, documents)) + len(documents), rtol=1e-4)


def test_the_same_seed_gives_the_same_bytes():
    documents = draw_documents(2, 40)

    first, again, other = (fit(documents, seed=seed) for seed in (3, 3, 4))

    assert first.words.tobytes() == again.words.tobytes()
    assert first.words.tobytes() != other.words.tobytes()


def test_documents_without_words_are_left_out():
    corpus = build_corpus([[], [5, 2, 5], [], [1]])

    assert corpus.lengths.tolist() == [2, 1]
    assert corpus.words.tolist() == [2, 5, 1]
    assert corpus.counts.tolist() == [1, 2, 1]
    assert [len(part) for part in build_corpus([[], []])] == [0, 0, 0]
