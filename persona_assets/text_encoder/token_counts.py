"""Count the tokens of texts by any tokenizer of Hugging Face, without its special tokens."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from persona_assets.errors import ModelError
from persona_assets.text_encoder.model import find_model_folder
from persona_assets.text_encoder.word_tokens import build_word_tokenizer

# Takes strings, none null, and returns the number of tokens of each, int64 `(n,)`.
TokenCounter = Callable[[pa.Array], npt.NDArray[np.int64]]
# Texts that a tokenizer is given at once: it holds 10 KB for each until all are done.
_TEXTS_AT_ONCE = 1_024


def load_token_counter(name: str) -> TokenCounter:
    """Load a tokenizer from Hugging Face, and return a function that counts the tokens of each text.

    Args:
        name: A model's name on the hub, a local folder, or the name of the embedded model.

    Raises:
        ModelError: There is no such tokenizer, or it has no `tokenizer.json`.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - 0.1 s; transformers would load torch for it, 3 s

    file = find_model_folder(name) / "tokenizer.json"
    if not file.is_file():
        raise ModelError(f"the tokenizer of {name!r} has no tokenizer.json: name one that has")
    try:
        backend = Tokenizer.from_file(str(file))
    except Exception as error:
        raise ModelError(f"the tokenizer of {name!r} cannot be loaded: {error}") from error
    backend.no_padding()
    backend.no_truncation()
    words = build_word_tokenizer(_Tokenizer(backend))
    if words is not None:
        return lambda texts: words.count(texts.cast(pa.string())) if len(texts) else np.zeros(0, np.int64)
    return lambda texts: _count(backend, texts)


class _Tokenizer:
    """A tokenizer of `tokenizers`, as far as `build_word_tokenizer` reads one of transformers."""

    is_fast = True
    truncation_side = "right"

    def __init__(self, backend: Any) -> None:
        self.backend_tokenizer = backend

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": self.backend_tokenizer.encode(text).ids}


def _count(backend: Any, texts: pa.Array) -> npt.NDArray[np.int64]:
    counts = np.zeros(len(texts), np.int64)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts.slice(start, _TEXTS_AT_ONCE).to_pylist()
        encodings = backend.encode_batch_fast(some, add_special_tokens=False)
        counts[start : start + len(some)] = [len(encoding.ids) for encoding in encodings]
    return counts
