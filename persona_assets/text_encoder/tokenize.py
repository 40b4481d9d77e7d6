"""Turn texts into token ids, all at once."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from persona_assets.text_encoder.model import TextModel


class Tokens(NamedTuple):
    """The token ids of texts, end to end."""

    ids: npt.NDArray[np.int32]  # of all texts, one after the other
    lengths: npt.NDArray[np.int64]  # (n_texts,)
    truncated: int  # texts that were longer than the model is to see

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the ids of some texts, at least one and all of one length: int64 `(len(rows), length)`."""
        starts = np.cumsum(self.lengths) - self.lengths
        return self.ids[starts[rows, None] + np.arange(int(self.lengths[rows[0]]))].astype(np.int64)


def tokenize_texts(model: TextModel, texts: Sequence[str]) -> Tokens:
    """Return the token ids of each text with the model's prefix, cut at `model.max_tokens`.

    Args:
        model: Made by `model.load_model`.
        texts: None blank.
    """
    recipe = model.recipe
    prepared = [recipe.prefix + (text.lower() if recipe.lower_case else text) for text in texts]
    ids = _token_ids(model, prepared, model.max_tokens)
    lengths = np.array([len(row) for row in ids], np.int64)
    # Only a text that fills the limit can have been cut: with one more token allowed, a cut one grows.
    full = [text for text, row in zip(prepared, ids, strict=True) if len(row) == model.max_tokens]
    truncated = sum(len(row) > model.max_tokens for row in _token_ids(model, full, model.max_tokens + 1))
    return Tokens(np.fromiter(chain.from_iterable(ids), np.int32, int(lengths.sum())), lengths, truncated)


def _token_ids(model: TextModel, texts: list[str], limit: int) -> list[list[int]]:
    if not texts:
        return []
    return model.tokenizer(
        texts,
        truncation=True,
        max_length=limit,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
