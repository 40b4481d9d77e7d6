"""Lay out a network's linear layers as this processor multiplies fastest."""

from typing import Any


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
    if is_half and not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001 - as those below
        return 0
    packed = 0
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if type(layer) is torch.nn.Linear:
                setattr(module, name, _pack(layer, gelu=_takes_over_gelu(module, name)))
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


def _pack(layer: Any, *, gelu: bool) -> Any:
    import torch  # noqa: PLC0415 - loaded with the model

    operators = torch.ops.mkldnn
    # Packed for the usual batch; other sizes work as well.
    weight = operators._reorder_linear_weight(layer.weight.detach(), 2048)  # noqa: SLF001 - see prepack_linear_layers
    bias = None if layer.bias is None else layer.bias.detach()
    after, algorithm = ("gelu", "none") if gelu else ("none", "")

    class PackedLinear(torch.nn.Module):
        """A linear layer that is only run."""

        def forward(self, values: Any) -> Any:
            return operators._linear_pointwise(values, weight, bias, after, [], algorithm)  # noqa: SLF001 - the same

    return PackedLinear()
