"""Turn texts into unit vectors, in batches that keep the device busy and waste little on padding."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.embeddings.model import TextModel
from persona_assets.errors import VectorError

# Tokens of a batch, padding included. On a CPU more only pads: measured best of 512 to 16,384.
TOKEN_BUDGET = {"cpu": 2_048, "cuda": 65_536, "mps": 8_192}


class Encoded(NamedTuple):
    """Vectors of texts, and what making them took."""

    vectors: npt.NDArray[np.float32]  # (n_texts, dimensions), rows in the order of the texts, unit length
    tokens: int
    padding: int  # tokens computed for nothing
    truncated: int  # texts that were longer than allowed


def encode_texts(model: TextModel, texts: Sequence[str]) -> Encoded:
    """Return the vector of each text: the model's own prefix and pooling, then unit length.

    The same texts in the same order give the same bytes on the same machine: a text's last bits depend on the
    batch that it is in. Memory: the vectors, the token ids, and one batch of `TOKEN_BUDGET`.

    Args:
        model: Made by `model.load_model`.
        texts: None blank; equal ones are computed again.

    Raises:
        VectorError: A vector is not finite.
    """
    import torch  # noqa: PLC0415 - 2 s, 250 MB; loaded with the model

    tokens, truncated = _tokenize(model, texts)
    lengths = np.array([len(ids) for ids in tokens], np.int64)
    vectors = np.empty((len(tokens), model.dimensions), np.float32)
    computed = 0
    with torch.inference_mode():
        for rows in _batches(lengths, budget=TOKEN_BUDGET[model.device.kind]):
            batch = [tokens[row] for row in rows]
            computed += len(batch) * max(map(len, batch))
            vectors[rows] = _forward(model, batch).cpu().numpy()
    if not np.isfinite(vectors).all():
        raise VectorError(f"model {model.name!r} gives vectors that are not finite: try PERSONA_COMPUTE_DTYPE=float32")
    used = int(lengths.sum())
    return Encoded(vectors, tokens=used, padding=computed - used, truncated=truncated)


def _tokenize(model: TextModel, texts: Sequence[str]) -> tuple[list[list[int]], int]:
    """Return the token ids of each text, and how many texts were cut."""
    recipe = model.recipe
    prepared = [recipe.prefix + (text.lower() if recipe.lower_case else text) for text in texts]
    if not prepared:
        return [], 0
    tokens = _token_ids(model, prepared, model.max_tokens)
    # Only a text that fills the limit can have been cut: with one more token allowed, a cut one grows.
    full = [text for text, ids in zip(prepared, tokens, strict=True) if len(ids) == model.max_tokens]
    longer = _token_ids(model, full, model.max_tokens + 1) if full else []
    return tokens, sum(len(ids) > model.max_tokens for ids in longer)


def _token_ids(model: TextModel, texts: list[str], limit: int) -> list[list[int]]:
    return model.tokenizer(
        texts,
        truncation=True,
        max_length=limit,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]


def _batches(lengths: npt.NDArray[np.int64], *, budget: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each batch, texts of like length together, longest batch first.

    The longest first, so that memory that does not suffice shows at once.
    """
    order = np.argsort(lengths, kind="stable")[::-1]
    start = 0
    while start < len(order):
        width = int(lengths[order[start]])
        stop = start + max(1, budget // width)
        yield order[start:stop]
        start = stop


def _forward(model: TextModel, batch: list[list[int]]) -> Any:
    """Return the unit vectors (float32 tensor, on the device) of one batch of token ids."""
    import torch  # noqa: PLC0415 - loaded with the model

    width = max(map(len, batch))
    ids = np.full((len(batch), width), model.tokenizer.pad_token_id or 0, np.int64)
    mask = np.zeros((len(batch), width), np.int64)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
    on_device = torch.from_numpy(mask).to(model.device.kind)
    network = model.network(input_ids=torch.from_numpy(ids).to(model.device.kind), attention_mask=on_device)
    pooled = _pool(network.last_hidden_state, on_device, model.recipe.pooling)
    return torch.nn.functional.normalize(pooled, dim=1)


def _pool(hidden: Any, mask: Any, pooling: str) -> Any:
    """Return one float32 vector a text: `hidden` is (texts, tokens, dimensions), `mask` (texts, tokens)."""
    import torch  # noqa: PLC0415 - loaded with the model

    if pooling == "cls":
        return hidden[:, 0].float()
    if pooling == "lasttoken":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1].float()
    if pooling == "max":
        return hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(1).float()
    weights = mask.unsqueeze(-1).float()
    return (hidden.float() * weights).sum(1) / weights.sum(1)
