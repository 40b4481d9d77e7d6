"""A packed network gives the vectors of the plain one."""

import numpy as np
import pytest
import torch
from transformers.activations import GELUActivation, GELUTanh

from persona_assets.text_encoder.onednn import prepack_linear_layers, split_inputs

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


@pytest.mark.parametrize(
    ("inputs", "sizes"), [(384, [384]), (385, [224, 161]), (1024, [352, 352, 320]), (1536, [384] * 4)]
)
def test_inputs_are_split_into_parts_of_about_one_size(inputs, sizes):
    parts = split_inputs(inputs, 384)

    assert [part.stop - part.start for part in parts] == sizes
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]


@pytest.mark.parametrize("activation", [GELUActivation(), torch.nn.ReLU()])
def test_a_layer_in_parts_gives_what_a_whole_one_gives_but_for_rounding(activation, monkeypatch):
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor is too old for oneDNN's bfloat16")
    block = Block(activation)
    block.dense, block.plain = torch.nn.Linear(1000, 96), torch.nn.Linear(96, 4, bias=False)
    values = torch.randn(20, 5, 1000)
    with torch.inference_mode():
        plain = block(values)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
        prepack_linear_layers(block.bfloat16())
        packed = block(values.bfloat16())

    assert [part for part, _ in block.dense.parts] == split_inputs(1000, 384)
    assert [part for part, _ in block.plain.parts] == [slice(0, 96)]
    np.testing.assert_allclose(packed.float(), plain, atol=0.02)


@pytest.mark.parametrize(("inputs", "outputs"), [(1024, 1024), (1536, 384), (4096, 256)])
def test_rows_in_bfloat16_do_not_depend_on_the_others(inputs, outputs):
    """On processors with AMX they did, from 512 inputs on."""
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor is too old for oneDNN's bfloat16")
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(inputs, outputs)).bfloat16()
    prepack_linear_layers(layers)
    values = torch.randn(700, inputs).bfloat16()
    with torch.inference_mode():
        together = layers(values)
        for rows in (1, 7, 20, 44, 96, 130, 300):
            assert torch.equal(layers(values[:rows].contiguous()), together[:rows])
