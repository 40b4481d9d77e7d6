"""Texts become unit vectors, as the model's recipe says."""

import numpy as np
import pytest
import torch

from persona_assets.embeddings.encode import encode_texts
from persona_assets.embeddings.model import EMBEDDED
from persona_assets.errors import VectorError
from persona_assets_tests.embeddings.builders import DIMENSIONS, load, make_model

TEXTS = ["the cat sat on the mat", "a dog ran", "it was under the red tree and then it ran on", "blue", "a dog ran"]


def one_by_one(model, text, pooling):
    """What the recipe means, written plainly: one text, no padding."""
    tokens = model.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        hidden = model.network(**tokens).last_hidden_state[0].float()
    pooled = {
        "mean": hidden.mean(0),
        "cls": hidden[0],
        "max": hidden.max(0).values,
        "lasttoken": hidden[-1],
    }[pooling]
    return (pooled / pooled.norm()).numpy()


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_each_pooling_gives_the_vector_that_one_text_alone_would_give(tmp_path, pooling):
    model = load(make_model(tmp_path / pooling, pooling={"pooling_mode": pooling}))

    vectors = encode_texts(model, TEXTS).vectors

    expected = np.stack([one_by_one(model, text, pooling) for text in TEXTS])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_the_prefix_is_put_before_every_text(tmp_path):
    folder = make_model(tmp_path / "multilingual-e5-large", pooling={"pooling_mode": "mean"})
    e5 = load(folder)

    expected = np.stack([one_by_one(e5, f"query: {text}", "mean") for text in TEXTS])
    np.testing.assert_allclose(encode_texts(e5, TEXTS).vectors, expected, atol=1e-5)


def test_a_batch_holds_texts_of_like_length_and_counts_its_padding(tiny, monkeypatch):
    monkeypatch.setattr("persona_assets.embeddings.encode.TOKEN_BUDGET", {"cpu": 16})

    encoded = encode_texts(tiny, TEXTS)

    # 8, 5, 13, 3 and 5 tokens with [CLS] and [SEP]: batches of 13; 8 and 5; 5 and 3.
    assert (encoded.tokens, encoded.padding) == (34, 5)
    expected = np.stack([one_by_one(tiny, text, "mean") for text in TEXTS])
    np.testing.assert_allclose(encoded.vectors, expected, atol=1e-5)


def test_texts_that_are_cut_are_counted_and_those_that_just_fit_are_not(tiny_folder):
    model = load(tiny_folder, max_tokens=8)

    encoded = encode_texts(model, ["the cat sat on the mat", "the cat sat on the red mat", "a dog"])

    assert encoded.truncated == 1
    assert encoded.tokens == 8 + 8 + 4


def test_no_texts_give_no_vectors(tiny):
    encoded = encode_texts(tiny, [])

    assert encoded.vectors.shape == (0, DIMENSIONS)
    assert encoded[1:] == (0, 0, 0)


def test_vectors_that_are_not_finite_are_an_error(tmp_path):
    model = load(make_model(tmp_path / "broken"))
    with torch.inference_mode():
        model.network.embeddings.word_embeddings.weight.fill_(float("nan"))

    with pytest.raises(VectorError, match="not finite"):
        encode_texts(model, TEXTS)


@pytest.mark.model
def test_texts_that_mean_the_same_are_near_each_other():
    vectors = encode_texts(load(EMBEDDED), ["I love my cat", "My kitten is adorable", "The stock market fell"]).vectors

    alike, unlike = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert alike > 0.5
    assert unlike < 0.2
