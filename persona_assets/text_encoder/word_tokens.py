"""Tokenise texts word by word, each distinct word once: the same ids as the tokenizer's own in a fraction of the time.

Exact where no token spans a space, as in BERT's tokenizers: their normalizer works on single characters, their
pre-tokenizer drops whitespace and cuts out each punctuation mark, and WordPiece splits each word for itself. Other
tokenizers are left alone.
"""

import re
import threading
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Marks that are words of their own, so that "end." is no other word than "end": a third fewer words to tokenise.
_MARKS = ".,!?;:\"()'/-"
# Words that are remembered from chunk to chunk. Those of English posts that occur often are fewer.
MAX_KNOWN_WORDS = 131_072
# A remembered word's bytes: what is longer is a link, or no word.
_MAX_WORD_BYTES = 32
# New words that are tokenised as one text: one object of the tokenizer for all of them, which costs 3 us otherwise.
_WORDS_JOINED = 64


class Ragged(NamedTuple):
    """Rows of token ids, end to end."""

    ids: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]

    def take(self, rows: npt.NDArray[np.integer]) -> "Ragged":
        """Return some rows, in the order of `rows`."""
        lengths = self.lengths[rows]
        starts = (np.cumsum(self.lengths) - self.lengths)[rows]
        return Ragged(self.ids[expand_ranges(starts, lengths)], lengths)

    def append(self, other: "Ragged") -> "Ragged":
        """Return these rows and then those of `other`."""
        return Ragged(np.concatenate([self.ids, other.ids]), np.concatenate([self.lengths, other.lengths]))


def expand_ranges(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the positions of all ranges, one range after the other: int64 `(lengths.sum(),)`."""
    starts, lengths = starts[lengths > 0], lengths[lengths > 0]
    # From one position to the next it is a step of 1, but from the end of a range to the start of the next one.
    steps = np.ones(int(lengths.sum()), np.int64)
    if len(starts):
        steps[0] = starts[0]
        steps[np.cumsum(lengths)[:-1]] = starts[1:] - starts[:-1] - lengths[:-1] + 1
    return np.cumsum(steps, out=steps)


class WordTokens:
    """Token ids of words, which are remembered if they occur often; several threads may use one."""

    def __init__(self, tokenizer: Any, *, before: list[int], after: list[int]) -> None:
        """Begin with no word.

        Args:
            tokenizer: A `tokenizers.Tokenizer` that cuts and pads nothing and whose tokens span no space, used by this
                object alone.
            before: The special tokens that a text begins with.
            after: Those that it ends with.
        """
        self.before, self.after = before, after
        self._tokenizer = tokenizer
        # A mark of a token that was added to the vocabulary, such as "[SEP]", does not end a word.
        self._added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
        self._marks = "".join(mark for mark in _MARKS if mark not in "".join(self._added.values()))
        self._separator = next((number for number in after if number in self._added), None)
        self._lock = threading.Lock()
        self._known: tuple[pa.Array, Ragged] = (pa.array([], pa.string()), to_ragged([]))

    def tokenize(self, texts: pa.Array) -> Ragged:
        """Return the ids of each text, uncut and without special tokens around it.

        Args:
            texts: Strings, none null.
        """
        # A line break is whitespace like a space: it separates words, and is nothing else.
        texts = pc.replace_substring(texts, "\n", " ")
        if self._marks:
            texts = pc.replace_substring_regex(texts, f"([{re.escape(self._marks)}])", r" \1 ")
        words = pc.split_pattern(texts, " ")
        coded = words.flatten().dictionary_encode()
        which = coded.indices.to_numpy()
        of_words = self._look_up(coded.dictionary, which)
        ids, lengths = of_words.take(which)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        bounds = words.offsets.to_numpy()
        return Ragged(ids, ends[bounds[1:]] - ends[bounds[:-1]])

    def _look_up(self, words: pa.Array, which: npt.NDArray[np.int32]) -> Ragged:
        """Return the ids of distinct words; `which` says which occur in the texts, one number an occurrence."""
        known, ids = self._known
        at = pc.index_in(words, value_set=known)
        is_new = at.is_null().to_numpy(zero_copy_only=False)
        new = words.filter(pa.array(is_new))
        of_new = self._encode(new)
        rows = at.fill_null(0).to_numpy().astype(np.int64)
        rows[is_new] = len(known) + np.arange(len(new))
        is_worth = np.bincount(which, minlength=len(words))[is_new] > 1
        is_worth &= pc.binary_length(new).to_numpy() <= _MAX_WORD_BYTES
        self._remember(new, of_new, np.flatnonzero(is_worth))
        return ids.append(of_new).take(rows)

    def _encode(self, words: pa.Array) -> Ragged:
        """Return the ids of words, many of which are tokenised as one text with the separator between them."""
        spells = np.zeros(len(words), bool)  # a token that was added, such as the separator itself
        for content in self._added.values():
            spells |= pc.match_substring(words, content).to_numpy(zero_copy_only=False)
        if self._separator is None or spells.any():
            alone = np.flatnonzero(spells) if self._separator is not None else np.arange(len(words))
            joined = np.setdiff1d(np.arange(len(words)), alone)
            parts = self._encode_joined(words.take(pa.array(joined))).append(self._encode_alone(words, alone))
            return parts.take(np.argsort(np.concatenate([joined, alone]), kind="stable"))
        return self._encode_joined(words)

    def _encode_joined(self, words: pa.Array) -> Ragged:
        if not len(words):
            return to_ragged([])
        strings, separator = words.to_pylist(), self._added[self._separator]
        starts = range(0, len(strings), _WORDS_JOINED)
        # Each group ends with a separator too: then one follows each word.
        texts = [f" {separator} ".join([*strings[at : at + _WORDS_JOINED], ""]) for at in starts]
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ids = to_ragged([encoding.ids for encoding in encodings]).ids
        is_separator = ids == self._separator
        ends = np.flatnonzero(is_separator)
        return Ragged(ids[~is_separator], np.diff(ends, prepend=-1) - 1)

    def _encode_alone(self, words: pa.Array, rows: npt.NDArray[np.int64]) -> Ragged:
        strings = words.take(pa.array(rows)).to_pylist()
        encodings = self._tokenizer.encode_batch_fast(strings, add_special_tokens=False) if strings else []
        return to_ragged([encoding.ids for encoding in encodings])

    def _remember(self, words: pa.Array, ids: Ragged, rows: npt.NDArray[np.int64]) -> None:
        """Remember some words, as many as there is room for."""
        with self._lock:
            known, known_ids = self._known
            # Another thread may have come first.
            is_there = pc.is_in(words, value_set=known).to_numpy(zero_copy_only=False)
            rows = rows[~is_there[rows]]
            rows = rows[: MAX_KNOWN_WORDS - len(known)]
            if len(rows):
                self._known = pa.concat_arrays([known, words.take(pa.array(rows))]), known_ids.append(ids.take(rows))


def build_word_tokens(tokenizer: Any) -> WordTokens | None:
    """Return what tokenises word by word as `tokenizer` does text by text; None where words depend on each other.

    Args:
        tokenizer: A `transformers.PreTrainedTokenizerBase`.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - loaded with transformers

    if not tokenizer.is_fast or tokenizer.truncation_side != "right" or not _splits_at_spaces(tokenizer):
        return None
    copied = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    copied.encode_special_tokens = tokenizer.backend_tokenizer.encode_special_tokens
    copied.no_truncation()
    copied.no_padding()
    content, whole = copied.encode("a", add_special_tokens=False).ids, tokenizer("a")["input_ids"]
    size = len(whole) - len(content)
    at = next((start for start in range(size + 1) if whole[start : start + len(content)] == content), None)
    if at is None:
        return None
    return WordTokens(copied, before=whole[:at], after=whole[at + len(content) :])


def _splits_at_spaces(tokenizer: Any) -> bool:
    """Say whether no token of a text spans a space, and what is at its sides changes nothing."""
    from tokenizers.models import WordPiece  # noqa: PLC0415 - loaded with transformers
    from tokenizers.normalizers import BertNormalizer  # noqa: PLC0415 - the same
    from tokenizers.pre_tokenizers import BertPreTokenizer  # noqa: PLC0415 - the same

    backend = tokenizer.backend_tokenizer
    # A token that was added to the vocabulary is found before the text is split.
    added = "".join(token.content for token in backend.get_added_tokens_decoder().values())
    return (
        isinstance(backend.normalizer, BertNormalizer)
        and isinstance(backend.pre_tokenizer, BertPreTokenizer)
        and isinstance(backend.model, WordPiece)
        and not any(character.isspace() for character in added)
    )


def to_ragged(rows: list[list[int]]) -> Ragged:
    """Return lists of ids as arrays."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return Ragged(np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths)
