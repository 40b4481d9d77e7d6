import numpy as np
import pytest
from gensim.corpora import Dictionary
from gensim.models import LdaModel

from persona_assets.assets.cluster_stats.batched_lda import BatchedLdaModel


def draw_texts(rng, documents, words):
    popular = rng.dirichlet(np.full(words, 0.3))
    return [
        [f"w{word}" for word in rng.choice(words, p=popular, size=rng.integers(1, 30))] for _ in range(documents)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("topics", [1, 3, 8])
def test_topics_are_those_of_gensim(seed, topics):
    texts = draw_texts(np.random.default_rng(seed), documents=40 + 17 * seed, words=60)
    dictionary = Dictionary(texts)
    corpus = [dictionary.doc2bow(words) for words in texts]
    asked = {"num_topics": topics, "iterations": 20, "passes": 3, "random_state": seed, "eval_every": 0}

    expected, found = (model(corpus, id2word=dictionary, **asked) for model in (LdaModel, BatchedLdaModel))

    np.testing.assert_allclose(found.get_topics(), expected.get_topics(), rtol=2e-3, atol=1e-6)
    weights, counts = found.inference(corpus, collect_sstats=True)
    assert weights.dtype == counts.dtype == np.float32
    np.testing.assert_allclose(counts.sum(), sum(map(len, texts)), rtol=1e-4)


def test_documents_that_converge_early_do_not_change_further():
    texts = draw_texts(np.random.default_rng(7), documents=30, words=12)
    dictionary = Dictionary(texts)
    corpus = [dictionary.doc2bow(words) for words in texts]
    model = BatchedLdaModel(corpus, num_topics=3, id2word=dictionary, random_state=0, iterations=500)
    together, _ = model.inference(corpus)

    # One document at a time begins with other random weights, and ends near the same ones.
    alone = np.concatenate([model.inference([bag])[0] for bag in corpus])

    assert np.abs(together - alone).mean() < 0.1 * together.mean()
