"""Lay out a network's linear layers as this processor multiplies fastest."""

from typing import Any

from persona_assets.text_encoder.device import has_amx

# Maximum inputs of a product in bfloat16 on a processor with AMX. Up to 448, oneDNN adds them up in one order, whatever
# the number of rows and threads; from 512 on it does not, so that a text's vector would depend on its batch.
MAX_AMX_INPUTS = 384
# Numbers of inputs are multiples of what an AMX instruction takes.
_AMX_STEP = 32


def prepack_linear_layers(network: Any) -> int:
    """Replace a CPU network's linear layers, in place, by oneDNN ones with weights laid out once; return their number.

    torch lays the weights of a linear layer out anew for each product; oneDNN can do so beforehand, and apply the
    exact GELU that follows in BERT's layers in the same pass. These are the operators to which `torch.compile`
    lowers such layers when weights are frozen; torch offers them in no other way. Memory: the weights move, none is
    held twice.

    Args:
        network: In eval mode, on the CPU. Results change by the rounding of sums only.

    Returns:
        How many layers were packed: 0 where torch was built without oneDNN, or the processor is too old for
        oneDNN's bfloat16; then nothing changes.
    """
    import torch  # noqa: PLC0415 - 2 s, 250 MB; loaded with the model

    if not torch.backends.mkldnn.is_available():
        return 0
    is_half = next(network.parameters()).dtype is torch.bfloat16
    most = MAX_AMX_INPUTS if is_half and has_amx() else None
    if is_half and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001 - as those below
        return 0
    packed = 0
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is torch.nn.Linear:
                setattr(module, name, _pack(layer, gelu=_takes_over_gelu(module, name), max_inputs=most))
                packed += 1
    return packed


def _takes_over_gelu(module: Any, name: str) -> bool:
    """Say whether an exact GELU follows the layer, as in BERT's, and if so take it out."""
    import torch  # noqa: PLC0415 - loaded with the model
    from transformers.activations import GELUActivation  # noqa: PLC0415 - loaded with the model

    activation = getattr(module, "intermediate_act_fn", None)
    is_exact = isinstance(activation, GELUActivation) and activation.act is torch.nn.functional.gelu
    if name != "dense" or not is_exact:
        return False
    module.intermediate_act_fn = torch.nn.Identity()
    return True


def split_inputs(inputs: int, most: int) -> list[slice]:
    """Return slices of at most `most` inputs, about equal in size, that cover all `inputs`."""
    parts = -(-inputs // most)
    size = -(-inputs // parts // _AMX_STEP) * _AMX_STEP
    return [slice(start, min(start + size, inputs)) for start in range(0, inputs, size)]


def _pack(layer: Any, *, gelu: bool, max_inputs: int | None) -> Any:
    import torch  # noqa: PLC0415 - loaded with the model

    operators = torch.ops.mkldnn
    parts = [
        # Laid out for the usual batch; other sizes work as well.
        (part, operators._reorder_linear_weight(layer.weight.detach()[:, part].contiguous(), 2048))  # noqa: SLF001 - see prepack_linear_layers
        for part in split_inputs(layer.in_features, max_inputs or layer.in_features)
    ]
    bias = None if layer.bias is None else layer.bias.detach()
    # The operator applies it only to a product that is not added to another.
    is_fused = gelu and len(parts) == 1
    after, algorithm = ("gelu", "none") if is_fused else ("none", "")

    class PackedLinear(torch.nn.Module):
        """A linear layer that is only run, as the sum of the products of parts of its inputs."""

        def __init__(self) -> None:
            super().__init__()
            self.parts = parts

        def forward(self, values: Any) -> Any:
            (part, weight), *others = self.parts
            total = operators._linear_pointwise(values[..., part].contiguous(), weight, bias, after, [], algorithm)  # noqa: SLF001 - the same
            for part, weight in others:
                some = values[..., part].contiguous()
                total = operators._linear_pointwise.binary(some, total, weight, None, "add")  # noqa: SLF001 - the same
            return torch.nn.functional.gelu(total) if gelu and not is_fused else total

    return PackedLinear()
