"""Coherence of topics."""

import numpy as np
import pytest
from gensim.corpora import Dictionary
from gensim.models import CoherenceModel

from persona_assets.assets.cluster_stats.coherence import WINDOW_WORDS, measure_coherences


@pytest.mark.parametrize("seed", range(5))
def test_coherence_is_that_of_gensim(seed):
    rng = np.random.default_rng(seed)
    popular = rng.dirichlet(np.full(40, 0.5))
    texts = [[f"w{word}" for word in rng.choice(40, p=popular, size=rng.integers(0, 20))] for _ in range(120)]
    known = sorted({word for words in texts for word in words})
    topics = [rng.choice(known, 8, replace=False).tolist() for _ in range(6)]

    model = CoherenceModel(
        topics=topics, texts=texts, dictionary=Dictionary(texts), coherence="c_v", window_size=110, processes=1
    )

    np.testing.assert_allclose(measure_coherences(topics, texts), model.get_coherence_per_topic(), atol=1e-9)


def test_long_texts_are_cut_into_windows():
    filler = [f"filler{number}" for number in range(2 * WINDOW_WORDS)]
    texts = [["near", "too", *filler], [*filler, "far"], ["near", "too"], ["far"], ["other"], ["other"]]

    near, far = measure_coherences([["near", "too"], ["near", "far"]], texts)
    model = CoherenceModel(
        topics=[["near", "too"], ["near", "far"]], texts=texts, dictionary=Dictionary(texts), coherence="c_v",
        processes=1,
    )  # fmt: skip

    assert near > far
    np.testing.assert_allclose([near, far], model.get_coherence_per_topic(), atol=1e-9)


def test_words_of_the_same_texts_cohere_more_than_words_of_different_ones():
    texts = [["tomato", "compost", "roses"], ["piston", "gearbox", "turbo"]] * 20

    garden, mixed = measure_coherences([["tomato", "compost", "roses"], ["tomato", "piston", "turbo"]], texts)

    assert mixed < garden <= 1 + 1e-9
