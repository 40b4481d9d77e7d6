"""Texts become unit vectors, as the model's recipe says."""

import dataclasses

import numpy as np
import pytest
import torch

from persona_assets.errors import DeviceError, VectorError
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import EMBEDDED, Replica
from persona_assets.text_encoder.tokenize import tokenize_texts
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, encode, load, make_model

TEXTS = ["the cat sat on the mat", "a dog ran", "it was under the red tree and then it ran on", "blue", "a dog ran"]


class Narrow:
    """A network on a device that holds no more than so many tokens at once."""

    def __init__(self, network, *, tokens):
        self.network, self.tokens, self.batches = network, tokens, []
        self.config = network.config

    def __call__(self, *, input_ids, attention_mask):
        self.batches.append(input_ids.numel())
        if input_ids.numel() > self.tokens:
            raise torch.OutOfMemoryError("not enough")
        return self.network(input_ids=input_ids, attention_mask=attention_mask)


def one_by_one(model, texts, pooling="mean"):
    """What the recipe means, written plainly: one text at a time, no padding."""
    return np.stack([_alone(model, text, pooling) for text in texts])


def _alone(model, text, pooling):
    tokens = model.tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        hidden = model.replicas[0].network(**tokens).last_hidden_state[0].float()
    pooled = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0).values, "lasttoken": hidden[-1]}[pooling]
    return (pooled / pooled.norm()).numpy()


def on(model, *networks):
    """The model on several devices, which are all this processor."""
    return dataclasses.replace(
        model, replicas=tuple(Replica(f"cpu:{n}", network) for n, network in enumerate(networks))
    )


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_each_pooling_gives_the_vector_that_one_text_alone_would_give(tmp_path, pooling):
    model = load(make_model(tmp_path / pooling, pooling={"pooling_mode": pooling}))

    vectors = encode(model, TEXTS)

    np.testing.assert_allclose(vectors, one_by_one(model, TEXTS, pooling), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_e5_is_known_by_its_name_and_gets_its_prefix(tmp_path):
    e5 = load(make_model(tmp_path / "multilingual-e5-large", pooling={"pooling_mode": "mean"}))

    np.testing.assert_allclose(encode(e5, TEXTS), one_by_one(e5, [f"query: {text}" for text in TEXTS]), atol=1e-5)


def test_a_batch_holds_texts_of_one_length_within_the_budget(tiny, monkeypatch):
    monkeypatch.setattr("persona_assets.text_encoder.encode.CPU_BUDGET", 12)
    network = Narrow(tiny.replicas[0].network, tokens=999)

    vectors = Encoder(on(tiny, network)).encode(tokenize_texts(tiny, [*TEXTS, "red"]))

    # 8, 5, 13, 3, 5 and 3 tokens with [CLS] and [SEP]; one text is a batch even beyond the budget.
    assert network.batches == [13, 8, 10, 6]
    np.testing.assert_allclose(vectors, one_by_one(tiny, [*TEXTS, "red"]), atol=1e-5)


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_text_gives_the_same_bytes_whatever_it_is_encoded_with(precision):
    model = load(EMBEDDED, precision=precision)
    texts = [f"{'the cat sat on the mat and ' * (number % 5)}then it ran {number}" for number in range(60)]
    together = encode(model, texts)

    for size in (1, 7):
        apart = [encode(model, texts[start : start + size]) for start in range(0, len(texts), size)]
        assert np.concatenate(apart).tobytes() == together.tobytes()


def test_a_batch_that_does_not_fit_is_halved_and_the_next_ones_start_small(tiny):
    network = Narrow(tiny.replicas[0].network, tokens=20)
    encoder = Encoder(on(tiny, network))
    texts = ["a dog ran"] * 6

    vectors = encoder.encode(tokenize_texts(tiny, texts))
    tried = list(network.batches)
    encoder.encode(tokenize_texts(tiny, texts))

    np.testing.assert_allclose(vectors, one_by_one(tiny, texts), atol=1e-5)
    assert tried == [30, 15, 15]
    assert network.batches[len(tried) :] == [15, 15]


def test_a_text_that_does_not_fit_alone_is_an_error_that_names_the_remedy(tiny):
    with pytest.raises(DeviceError, match="13 tokens.*PERSONA_MAX_TOKENS"):
        Encoder(on(tiny, Narrow(tiny.replicas[0].network, tokens=12))).encode(tokenize_texts(tiny, TEXTS))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_several_devices_share_the_texts(tiny, count):
    networks = [Narrow(tiny.replicas[0].network, tokens=999) for _ in range(count)]

    vectors = Encoder(on(tiny, *networks)).encode(tokenize_texts(tiny, TEXTS))

    np.testing.assert_allclose(vectors, one_by_one(tiny, TEXTS), atol=1e-5)
    assert sum(bool(network.batches) for network in networks) == min(count, len(TEXTS))


def test_vectors_have_the_dtype_asked_for(tiny):
    assert Encoder(tiny, vector_dtype="float16").encode(tokenize_texts(tiny, TEXTS)).dtype == np.float16


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_short_texts_give_the_same_bytes_on_any_number_of_threads(precision):
    model, before = load(EMBEDDED, precision=precision), torch.get_num_threads()
    texts = [f"{'the cat sat on the mat and ' * (number % 5)}then it ran {number}" for number in range(60)]
    found = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(Encoder(model).encode_short_texts(texts).tobytes())
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)

    assert len(set(found)) == 1


def test_half_precision_of_the_model_moves_a_vector_by_less_than_a_thousandth(tiny_folder, tiny):
    half = load(tiny_folder, precision="bfloat16")

    assert (encode(half, TEXTS) * encode(tiny, TEXTS)).sum(1).min() > 1 - 1e-3


def test_no_texts_give_no_vectors(tiny):
    assert encode(tiny, []).shape == (0, DIMENSIONS)


def test_vectors_that_are_not_finite_are_an_error(tmp_path):
    model = load(make_model(tmp_path / "broken"))
    with torch.inference_mode():
        model.replicas[0].network.embeddings.word_embeddings.weight.fill_(float("nan"))

    with pytest.raises(VectorError, match="not finite"):
        encode(model, TEXTS)


@pytest.mark.model
def test_texts_that_mean_the_same_are_near_each_other():
    vectors = encode(load(EMBEDDED), ["I love my cat", "My kitten is adorable", "The stock market fell"])

    alike, unlike = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert alike > 0.5
    assert unlike < 0.2
