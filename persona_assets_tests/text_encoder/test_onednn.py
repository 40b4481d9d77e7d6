"""A packed network gives the vectors of the plain one."""

import numpy as np
import pytest
import torch
from transformers.activations import GELUActivation, GELUTanh

from persona_assets.text_encoder.onednn import prepack_linear_layers

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")


class Block(torch.nn.Module):
    """A layer and its activation, named as in BERT."""

    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.dense = torch.nn.Linear(8, 16)
        self.plain = torch.nn.Linear(16, 4, bias=False)
        self.intermediate_act_fn = activation

    def forward(self, values):
        return self.plain(self.intermediate_act_fn(self.dense(values)))


@pytest.mark.parametrize("activation", [GELUActivation(), GELUTanh(), torch.nn.ReLU()])
@pytest.mark.parametrize("texts", [1, 3, 50])
def test_packing_changes_nothing_but_rounding(activation, texts):
    block, values = Block(activation), torch.linspace(-3, 3, texts * 5 * 8).reshape(texts, 5, 8)
    with torch.inference_mode():
        plain = block(values)
        assert prepack_linear_layers(block) == 2
        packed = block(values)

    np.testing.assert_allclose(packed, plain, atol=1e-5)


@pytest.mark.parametrize(("activation", "is_taken"), [(GELUActivation(), True), (GELUTanh(), False)])
def test_only_the_exact_gelu_is_taken_into_the_layer(activation, is_taken):
    block = Block(activation)

    prepack_linear_layers(block)

    assert isinstance(block.intermediate_act_fn, torch.nn.Identity) == is_taken


def test_without_the_library_nothing_changes(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    block = Block(GELUActivation())

    assert prepack_linear_layers(block) == 0
    assert isinstance(block.dense, torch.nn.Linear)
