"""BERT's forward pass over texts that lie end to end, for GPUs: no padding, and batches of several lengths.

A batch of texts of one length is as free of padding, but holds as many texts as have that length. Packed batches are
all as large as a GPU likes: fewer and larger kernels, and less time of the host between them. One product for query,
key and value.
"""

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

# Whose networks have the layers that are read here.
_NETWORKS = {"BertModel", "RobertaModel", "XLMRobertaModel", "CamembertModel"}
# Positions of these start behind the padding token's id.
_POSITIONS_BEHIND_PADDING = {"RobertaModel", "XLMRobertaModel", "CamembertModel"}
# Lengths of a batch up to which attention is computed length by length. The kernel for texts of different lengths takes
# more time a text, but one call for all of them.
_MAX_LENGTHS = 4


class Packing(NamedTuple):
    """Ends and lengths of the texts in a batch that holds their tokens end to end, sorted by length."""

    ends: Any  # int32 tensor (texts + 1,) on the device: 0, and where each text ends
    lengths: tuple[tuple[int, int], ...]  # (texts, tokens of each), for each length


# (query, key, value: (tokens, heads, width of a head); packing) -> (tokens, heads, width of a head)
Attention = Callable[[Any, Any, Any, Packing], Any]


class _Layer(NamedTuple):
    """The weights of a layer, as `torch.nn.functional` takes them."""

    to_qkv: tuple[Any, Any]
    from_heads: tuple[Any, Any]
    norm_attention: tuple[Any, Any]
    to_inner: tuple[Any, Any]
    from_inner: tuple[Any, Any]
    norm_output: tuple[Any, Any]


def attend_by_length(query: Any, key: Any, value: Any, packing: Packing) -> Any:
    """Compute self-attention within each text of a packed batch, for all texts of one length at once."""
    import torch  # noqa: PLC0415 - loaded with the model

    parts: list[Any] = []
    start = 0
    for texts, length in packing.lengths:
        stop = start + texts * length
        heads = [whole[start:stop].unflatten(0, (texts, length)).transpose(1, 2) for whole in (query, key, value)]
        seen = torch.nn.functional.scaled_dot_product_attention(*heads)
        parts.append(seen.transpose(1, 2).flatten(0, 1))
        start = stop
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def attend_packed(query: Any, key: Any, value: Any, packing: Packing) -> Any:
    """Compute self-attention within each text of a packed batch by torch's varlen kernel (GPU, half precision)."""
    from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - loaded with the model

    longest = max(length for _, length in packing.lengths)
    return varlen_attn(query, key, value, packing.ends, packing.ends, longest, longest)


def choose_attention(*, has_kernel: bool) -> Attention:
    """Return an attention function that uses, for each batch, the faster of `attend_packed` and `attend_by_length`.

    Args:
        has_kernel: Whether `attend_packed` can be used.
    """

    def attend(query: Any, key: Any, value: Any, packing: Packing) -> Any:
        is_mixed = has_kernel and len(packing.lengths) > _MAX_LENGTHS
        return (attend_packed if is_mixed else attend_by_length)(query, key, value, packing)

    return attend


def has_packed_kernel(network: Any) -> bool:
    """Return whether `attend_packed` works: torch has its kernel, the network is in half precision, the GPU recent."""
    import torch  # noqa: PLC0415 - loaded with the model

    is_there = importlib.util.find_spec("torch.nn.attention.varlen") is not None
    is_half = network.dtype in {torch.bfloat16, torch.float16}
    return is_there and is_half and torch.cuda.get_device_capability(network.device) >= (8, 0)


def can_use_packed_bert(network: Any) -> bool:
    """Return whether `PackedBert` computes the same vectors as this network."""
    return type(network).__name__ in _NETWORKS and not getattr(network.config, "is_decoder", False)


class PackedBert:
    """BERT's forward pass over packed texts: tokens of all texts end to end, without padding."""

    def __init__(self, network: Any, attention: Attention) -> None:
        """Use the weights of `network`, which stays usable, and the function `attention`.

        Args:
            network: One for which `can_use_packed_bert`, in eval mode, on its device.
            attention: Of `choose_attention`.
        """
        self._attention = attention
        self._embeddings = network.embeddings
        self._heads = network.config.num_attention_heads
        self._is_behind_padding = type(network).__name__ in _POSITIONS_BEHIND_PADDING
        self._padding = network.config.pad_token_id
        self._epsilon = network.config.layer_norm_eps
        self._activation = network.encoder.layer[0].intermediate.intermediate_act_fn
        self._layers = [_read_layer(layer) for layer in network.encoder.layer]

    def __call__(self, ids: Any, packing: Packing) -> Any:
        """Return the last layer's output, `(tokens, dimensions)`.

        Args:
            ids: int64 `(tokens,)`, of all texts, one after the other.
            packing: Where each text ends.
        """
        import torch  # noqa: PLC0415 - loaded with the model

        embeddings, functional = self._embeddings, torch.nn.functional
        values = functional.embedding(ids, embeddings.word_embeddings.weight)
        values = values + embeddings.token_type_embeddings.weight[0]
        positions = self._find_positions(ids, packing.ends)
        values = values + functional.embedding(positions, embeddings.position_embeddings.weight)
        values = self._normalize(values, (embeddings.LayerNorm.weight, embeddings.LayerNorm.bias))
        for layer in self._layers:
            values = self._layer(values, packing, layer)
        return values

    def _layer(self, values: Any, packing: Packing, weights: _Layer) -> Any:
        import torch  # noqa: PLC0415 - loaded with the model

        linear, (tokens, width) = torch.nn.functional.linear, values.shape
        heads = linear(values, *weights.to_qkv).view(tokens, 3, self._heads, width // self._heads)
        query, key, value = heads.unbind(1)
        seen = self._attention(query, key, value, packing).reshape(tokens, width)
        values = self._normalize(linear(seen, *weights.from_heads) + values, weights.norm_attention)
        inner = self._activation(linear(values, *weights.to_inner))
        return self._normalize(linear(inner, *weights.from_inner) + values, weights.norm_output)

    def _normalize(self, values: Any, weights: tuple[Any, Any]) -> Any:
        import torch  # noqa: PLC0415 - loaded with the model

        return torch.nn.functional.layer_norm(values, values.shape[-1:], weights[0], weights[1], self._epsilon)

    def _find_positions(self, ids: Any, ends: Any) -> Any:
        """Return each token's row of the position embeddings."""
        import torch  # noqa: PLC0415 - loaded with the model

        lengths, tokens = ends.diff(), len(ids)
        if not self._is_behind_padding:
            starts = torch.repeat_interleave(ends[:-1], lengths, output_size=tokens)
            return torch.arange(tokens, device=ids.device) - starts
        # A text may spell the padding token, which has no position of its own.
        counts = (ids != self._padding).int()
        so_far = counts.cumsum(0)
        before = (so_far - counts)[ends[:-1].long()]
        return (so_far - torch.repeat_interleave(before, lengths, output_size=tokens)) * counts + self._padding


def pool_packed(hidden: Any, ends: Any, pooling: str) -> Any:
    """Pool the token vectors of packed texts to one float32 vector per text, `(texts, dimensions)`.

    Args:
        hidden: What `PackedBert` returns.
        ends: As it is given.
        pooling: Of `pooling.Pooling`.
    """
    import torch  # noqa: PLC0415 - loaded with the model

    if pooling == "cls":
        return hidden[ends[:-1].long()].float()
    if pooling == "lasttoken":
        return hidden[ends[1:].long() - 1].float()
    # "unsafe": the ends are not looked at by the host, which would wait for the GPU.
    return torch.segment_reduce(hidden.float(), pooling, offsets=ends.long(), axis=0, unsafe=True)


def _read_layer(layer: Any) -> _Layer:
    """Return the weights of a layer; query, key and value become parts of one matrix."""
    import torch  # noqa: PLC0415 - loaded with the model

    attention = layer.attention
    parts = [getattr(attention.self, name) for name in ("query", "key", "value")]
    weight = torch.cat([part.weight.detach() for part in parts])
    bias = torch.cat([part.bias.detach() for part in parts])
    # So that memory holds them once.
    for part, of_weight, of_bias in zip(parts, weight.chunk(3), bias.chunk(3), strict=True):
        part.weight = torch.nn.Parameter(of_weight, requires_grad=False)
        part.bias = torch.nn.Parameter(of_bias, requires_grad=False)
    return _Layer(
        (weight, bias),
        *(
            (module.weight.detach(), module.bias.detach())
            for module in (
                attention.output.dense,
                attention.output.LayerNorm,
                layer.intermediate.dense,
                layer.output.dense,
                layer.output.LayerNorm,
            )
        ),
    )
