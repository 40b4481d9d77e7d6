"""Packed texts get the vectors that they would get alone."""

import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from persona_assets.text_encoder import packed_bert
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import Replica
from persona_assets.text_encoder.packed_bert import (
    PackedBert,
    Packing,
    attend_packed,
    can_use_packed_bert,
    choose_attention,
    has_packed_kernel,
)
from persona_assets.text_encoder.tokenize import Tokens, tokenize_texts
from persona_assets_tests.assets.embeddings.builders import encode, load, make_model

TEXTS = ["the cat sat on the mat", "a dog ran", "it was under the red tree and then it ran on", "blue", "a dog ran"]


def attend_one_by_one(query, key, value, packing):
    """What the kernel of a GPU computes, written plainly: each text sees itself."""
    seen = torch.empty_like(query)
    ends = packing.ends.tolist()
    assert [end - start for start, end in itertools.pairwise(ends)] == [
        length for texts, length in packing.lengths for _ in range(texts)
    ]
    for start, end in itertools.pairwise(ends):
        heads = [part[start:end].transpose(0, 1) for part in (query, key, value)]
        seen[start:end] = torch.nn.functional.scaled_dot_product_attention(*heads).transpose(0, 1)
    return seen


def pack(*lengths):
    """The packing of texts of these lengths, which descend."""
    runs = tuple((len(list(alike)), length) for length, alike in itertools.groupby(lengths))
    return Packing(torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32), runs)


def make_network(kind):
    """A small network of random weights."""
    import transformers  # noqa: PLC0415 - 3 s

    torch.manual_seed(1)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        pad_token_id=1,
    )
    return getattr(transformers, f"{kind}Model")(config).eval()


@pytest.mark.parametrize("attention", [attend_one_by_one, choose_attention(has_kernel=False)])
@pytest.mark.parametrize("kind", ["Bert", "Roberta", "XLMRoberta", "Camembert"])
def test_each_network_gives_what_it_gives_text_by_text(kind, attention):
    network = make_network(kind)
    texts = [torch.tensor(ids) for ids in ([9, 10, 11, 12, 13], [5, 6, 7], [14, 15, 16], [8])]

    with torch.inference_mode():
        alone = torch.cat([network(input_ids=text[None]).last_hidden_state[0] for text in texts])
        packed = PackedBert(network, attention)(torch.cat(texts), pack(5, 3, 3, 1))

    torch.testing.assert_close(packed, alone, atol=1e-5, rtol=1e-4)


def test_a_text_that_spells_the_padding_token_has_the_positions_that_the_network_gives_it():
    network = make_network("XLMRoberta")
    text = torch.tensor([5, 1, 6, 1, 1, 7])

    with torch.inference_mode():
        alone = network(input_ids=text[None]).last_hidden_state[0]
        packed = PackedBert(network, attend_one_by_one)(torch.cat([text, text]), pack(6, 6))

    torch.testing.assert_close(packed, torch.cat([alone, alone]), atol=1e-5, rtol=1e-4)


def test_a_network_that_was_packed_works_as_before():
    network = make_network("Bert")
    text = torch.tensor([[5, 6, 7]])

    with torch.inference_mode():
        before = network(input_ids=text).last_hidden_state
        PackedBert(network, attend_one_by_one)
        after = network(input_ids=text).last_hidden_state

    torch.testing.assert_close(after, before)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
@pytest.mark.parametrize("budget", [1, 14, 1_000])
def test_an_encoder_of_packed_texts_gives_the_vectors_of_one_that_is_not(tmp_path, pooling, budget):
    model = load(make_model(tmp_path / "model", pooling={"pooling_mode": pooling}))
    (replica,) = load(tmp_path / "model").replicas
    network = type(replica.network).from_pretrained(tmp_path / "model").eval()  # not prepacked
    packed = Replica("cpu", network, PackedBert(network, attend_one_by_one))
    encoder = Encoder(dataclasses.replace(model, replicas=(packed,)), token_budget=budget)

    np.testing.assert_allclose(encoder.encode(tokenize_texts(model, TEXTS)), encode(model, TEXTS), atol=1e-5)


def test_a_packed_batch_holds_texts_of_several_lengths_within_the_budget(tiny):
    class Counting:
        def __init__(self):
            self.batches = []

        def __call__(self, ids, packing):
            self.batches.append((len(ids), packing.lengths))
            assert packing.ends[-1] == len(ids)
            return torch.ones(len(ids), tiny.dimensions)

    packed = Counting()
    replica = Replica("cpu", tiny.replicas[0].network, packed)
    lengths = np.array([3, 8, 5, 13, 5, 3])

    tokens = Tokens(np.zeros(lengths.sum(), np.int32), lengths, 0)
    Encoder(dataclasses.replace(tiny, replicas=(replica,)), token_budget=12).encode(tokens)

    # The longest first; one text is a batch even beyond the budget.
    assert packed.batches == [(13, ((1, 13),)), (8, ((1, 8),)), (10, ((2, 5),)), (6, ((2, 3),))]


def test_the_kernel_of_a_gpu_is_used_for_many_lengths_alone(monkeypatch):
    called = []
    for name in ("attend_by_length", "attend_packed"):
        monkeypatch.setattr(packed_bert, name, lambda *_given, name=name: called.append(name))

    for has_kernel in (True, False):
        choose_attention(has_kernel=has_kernel)(None, None, None, pack(6, 5, 4, 3, 2))
        choose_attention(has_kernel=has_kernel)(None, None, None, pack(6, 5, 4, 4, 4, 3))

    assert called == ["attend_packed", "attend_by_length", "attend_by_length", "attend_by_length"]


def test_what_is_no_bert_is_not_packed():
    import transformers  # noqa: PLC0415 - 3 s

    config = transformers.MPNetConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )

    assert can_use_packed_bert(make_network("XLMRoberta"))
    assert not can_use_packed_bert(transformers.MPNetModel(config))


def test_the_kernel_gets_the_longest_text(monkeypatch):
    varlen = pytest.importorskip("torch.nn.attention.varlen")
    given = []
    monkeypatch.setattr(varlen, "varlen_attn", lambda *arguments: given.extend(arguments))
    packing = pack(6, 5, 5)

    attend_packed("query", "key", "value", packing)

    assert given == ["query", "key", "value", packing.ends, packing.ends, 6, 6]


@pytest.mark.parametrize(
    ("dtype", "capability", "has"), [("float16", 8, True), ("float32", 9, False), ("float16", 7, False)]
)
def test_the_kernel_is_there_for_half_precision_on_new_gpus(monkeypatch, dtype, capability, has):
    pytest.importorskip("torch.nn.attention.varlen")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (capability, 0))

    assert has_packed_kernel(SimpleNamespace(dtype=getattr(torch, dtype), device="cuda")) is has
