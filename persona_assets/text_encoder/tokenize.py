"""Turn texts into token ids, all at once."""

import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import compress
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from persona_assets.common.cpu_count import count_threads
from persona_assets.text_encoder.model import TextModel
from persona_assets.text_encoder.word_tokens import Ragged, WordTokenizer, expand_ranges, to_ragged

# Distinct texts that are tokenised, sorted by length and computed together, and kept when they are done: a minute
# or two of a CPU's work, seconds of a GPU's.
CHUNK_TEXTS = {"cpu": 16_384, "mps": 16_384, "cuda": 65_536}
# Threads that tokenise for a GPU, each a chunk. One feeds e5-large many times over; a small model takes texts faster.
MAX_THREADS = 4
# Texts that a thread tokenises at a time: of few, more words are met again; arrays of many do not fit caches.
_SLICE_TEXTS = 16_384
# Chunks that are tokenised, or being tokenised, while the caller computes one.
_CHUNKS_AHEAD = 1
# Python's own interval is 5 ms: a kernel of a small model takes 0.1.
_SWITCH_SECONDS = 0.0002
# Texts that such a tokenizer is given at once: it holds 10 KB for each until all are done.
_TEXTS_AT_ONCE = 1_024

Key = TypeVar("Key")
Texts = Sequence[str] | pa.Array


class Tokens(NamedTuple):
    """Token ids of several texts in one array, with the number of tokens of each text."""

    ids: npt.NDArray[np.int32]  # of all texts, one after the other
    lengths: npt.NDArray[np.int64]  # (n_texts,)
    truncated: int  # texts that were longer than the model is to see

    def take(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the token ids of the texts `rows` in one array, in the order of `rows`."""
        return Ragged(self.ids, self.lengths).take(rows).ids


def tokenize_texts(model: TextModel, texts: Texts) -> Tokens:
    """Return the token ids of each text, with the model's prefix, truncated to `model.max_tokens`.

    They are those of `model.tokenizer(...)`, made without the lists and objects that it makes of each token.

    Args:
        model: Made by `model.load_model`.
        texts: None blank; strings of Python or of Arrow.
    """
    strings: pa.StringArray = cast("Any", texts) if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    if model.recipe.lower_case:
        # Python's, which knows of a word's end; Arrow's does not.
        strings = pa.array([text.lower() for text in strings.to_pylist()], pa.string())
    if model.recipe.prefix:
        strings = pc.binary_join_element_wise(model.recipe.prefix, strings, "")
    if model.word_tokens is not None:
        return _frame(model.word_tokens, model.word_tokens.tokenize(strings), limit=model.max_tokens)
    return _tokenize_whole(model, strings.to_pylist())


def tokenize_ahead(model: TextModel, chunks: Iterable[tuple[Key, Texts]]) -> Iterator[tuple[Key, Tokens]]:
    """Yield the tokens of each chunk in order; threads tokenise the next chunks while the caller uses one.

    One thread for a processor, which has its cores for the model, and for a tokenizer that has threads of its own. For
    a GPU as many as there are cores to spare, up to `MAX_THREADS`; each tokenises a slice of a chunk, so that the first
    chunk is not waited for long.

    Args:
        model: Made by `model.load_model`.
        chunks: Of any key and texts, none blank; read `_CHUNKS_AHEAD` chunks ahead.
    """
    is_parallel = model.device.kind == "cuda" and model.word_tokens is not None
    threads = max(1, min(MAX_THREADS, count_threads() - 1)) if is_parallel else 1
    with _switching_threads(is_often=is_parallel), ThreadPoolExecutor(threads) as pool:
        ahead = deque[tuple[Key, list[Future[Tokens]]]]()
        for key, texts in chunks:
            slices = (texts[start : start + _SLICE_TEXTS] for start in range(0, max(1, len(texts)), _SLICE_TEXTS))
            ahead.append((key, [pool.submit(tokenize_texts, model, some) for some in slices]))
            if len(ahead) > _CHUNKS_AHEAD:
                first, parts = ahead.popleft()
                yield first, _concatenate([part.result() for part in parts])
        for key, parts in ahead:
            yield key, _concatenate([part.result() for part in parts])


@contextmanager
def _switching_threads(*, is_often: bool) -> Generator[None]:
    """Let the thread that feeds a GPU wait less for the interpreter while others tokenise.

    It gives the interpreter up with each of thousands of kernels, and gets it back after the interval at the latest.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS if is_often else interval)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _concatenate(parts: list[Tokens]) -> Tokens:
    ids, lengths = (np.concatenate([getattr(part, name) for part in parts]) for name in ("ids", "lengths"))
    return Tokens(ids, lengths, sum(part.truncated for part in parts))


def _frame(words: WordTokenizer, content: Ragged, *, limit: int) -> Tokens:
    """Cut each text to what the model sees, and put the special tokens around it."""
    before, after = words.before, words.after
    frame = len(before) + len(after)
    lengths = np.minimum(content.lengths, limit - frame)
    ids = np.empty(int(lengths.sum()) + frame * len(lengths), np.int32)
    starts = np.cumsum(lengths + frame) - (lengths + frame)
    for number, token in enumerate(before):
        ids[starts + number] = token
    for number, token in enumerate(after):
        ids[starts + len(before) + lengths + number] = token
    taken = content.ids
    if (lengths < content.lengths).any():
        taken = taken[expand_ranges(np.cumsum(content.lengths) - content.lengths, lengths)]
    ids[expand_ranges(starts + len(before), lengths)] = taken
    return Tokens(ids, lengths + frame, int((content.lengths > lengths).sum()))


def _tokenize_whole(model: TextModel, texts: list[str]) -> Tokens:
    """Return the ids of texts by a tokenizer whose tokens may span words."""
    if model.tokenizer.is_fast:
        return _tokenize_fast(model, texts)
    rows = _call_tokenizer(model, texts, model.max_tokens)
    # Only a text that fills the limit can have been cut: with one more token allowed, a cut one grows.
    full = [text for text, row in zip(texts, rows, strict=True) if len(row) == model.max_tokens]
    truncated = sum(len(row) > model.max_tokens for row in _call_tokenizer(model, full, model.max_tokens + 1))
    return Tokens(*to_ragged(rows), truncated)


def _tokenize_fast(model: TextModel, texts: list[str]) -> Tokens:
    """Return the same by the batch call of `tokenizers`, which leaves out what `transformers` makes of each token."""
    backend = model.tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(model.max_tokens, direction=model.tokenizer.truncation_side)
    rows: list[list[int]] = []
    truncated = 0
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        encodings = backend.encode_batch_fast(texts[start : start + _TEXTS_AT_ONCE])
        ids = [encoding.ids for encoding in encodings]
        # Only of a text that fills the limit can there be more.
        is_full = (len(row) == model.max_tokens for row in ids)
        truncated += sum(bool(encoding.overflowing) for encoding in compress(encodings, is_full))
        rows += ids
    return Tokens(*to_ragged(rows), truncated)


def _call_tokenizer(model: TextModel, texts: list[str], limit: int) -> list[list[int]]:
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
