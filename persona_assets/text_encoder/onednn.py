"""Lay out a network's linear layers as this processor multiplies fastest."""

from typing import Any

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
    cpu: Any = torch.cpu
    most = MAX_AMX_INPUTS if is_half and cpu._is_amx_tile_supported() else None  # noqa: SLF001 - no public name
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

    if max_inputs is not None and layer.in_features > max_inputs:
        return _pack_in_parts(layer, gelu=gelu, max_inputs=max_inputs)
    operators = torch.ops.mkldnn
    weight = _lay_out(layer.weight)
    bias = None if layer.bias is None else layer.bias.detach()
    after, algorithm = ("gelu", "none") if gelu else ("none", "")

    class PackedLinear(torch.nn.Module):
        """A linear layer that is only run."""

        def forward(self, values: Any) -> Any:
            return operators._linear_pointwise(values, weight, bias, after, [], algorithm)  # noqa: SLF001 - see prepack_linear_layers

    return PackedLinear()


def _pack_in_parts(layer: Any, *, gelu: bool, max_inputs: int) -> Any:
    import torch  # noqa: PLC0415 - loaded with the model

    operators = torch.ops.mkldnn
    parts = [(part, _lay_out(layer.weight[:, part])) for part in split_inputs(layer.in_features, max_inputs)]
    bias = None if layer.bias is None else layer.bias.detach()

    class PackedLinearInParts(torch.nn.Module):
        """A linear layer that is only run, as the sum of products of some inputs each."""

        def forward(self, values: Any) -> Any:
            (part, weight), *others = parts
            total = operators._linear_pointwise(values[..., part].contiguous(), weight, bias, "none", [], "")  # noqa: SLF001 - see prepack_linear_layers
            for part, weight in others:
                some = values[..., part].contiguous()
                total = operators._linear_pointwise.binary(some, total, weight, None, "add")  # noqa: SLF001 - the same
            return torch.nn.functional.gelu(total) if gelu else total

    return PackedLinearInParts()


def _lay_out(weight: Any) -> Any:
    import torch  # noqa: PLC0415 - loaded with the model

    # For the usual batch; other sizes work as well.
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), 2048)  # noqa: SLF001 - see prepack_linear_layers
