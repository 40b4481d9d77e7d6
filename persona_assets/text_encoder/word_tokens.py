"""Tokenise texts word by word, each distinct word once: the same ids as the tokenizer's own in a fraction of the time.

Exact where no token spans a space. BERT's normalizer works on single characters, its pre-tokenizer drops whitespace and
cuts out each punctuation mark, and WordPiece splits each word for itself. XLM-RoBERTa's pre-tokenizer drops whitespace
too, and its unigrams split each word for itself; its normalizer works on what a reader takes for one character, which
can hold a space with an accent after it, so texts with such are tokenised whole. Other tokenizers are left alone.
"""

import json
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
# What some tokenizers of XLM-RoBERTa do to spaces that follow each other; between words it changes nothing.
_ONE_SPACE = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
# Words that are remembered from chunk to chunk. Those of English posts that occur often are fewer.
MAX_KNOWN_WORDS = 131_072
# A remembered word's bytes: what is longer is a link, or no word.
_MAX_WORD_BYTES = 32
# A character that may be one with a space beside it, in the sense of Unicode's grapheme clusters: all but those that
# surely are not, which are most letters, numbers, punctuation marks and symbols.
_CLINGING = r"[^\x21-\x7E\p{Lu}\p{Ll}\p{Lt}\p{N}\p{P}\p{Sm}\p{Sc}\p{So}\p{Zs}]"
# Texts or words that the tokenizer is given at once: it holds some kilobytes for each until all are done.
_AT_ONCE = 1_000
# New words that are tokenised as one text: one object of the tokenizer for all of them, which costs 3 us otherwise.
_WORDS_JOINED = 64


class Ragged(NamedTuple):
    """Rows of token ids of different lengths, end to end in one array."""

    ids: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]

    def take(self, rows: npt.NDArray[np.integer]) -> "Ragged":
        """Return the rows with these numbers, in the order of `rows`."""
        lengths = self.lengths[rows]
        starts = (np.cumsum(self.lengths) - self.lengths)[rows]
        return Ragged(self.ids[expand_ranges(starts, lengths)], lengths)

    def append(self, other: "Ragged") -> "Ragged":
        """Return these rows followed by those of `other`."""
        return Ragged(np.concatenate([self.ids, other.ids]), np.concatenate([self.lengths, other.lengths]))


def expand_ranges(starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the integers of all ranges [start, start + length), range after range: int64 `(lengths.sum(),)`."""
    starts, lengths = starts[lengths > 0], lengths[lengths > 0]
    # From one position to the next it is a step of 1, but from the end of a range to the start of the next one.
    steps = np.ones(int(lengths.sum()), np.int64)
    if len(starts):
        steps[0] = starts[0]
        steps[np.cumsum(lengths)[:-1]] = starts[1:] - starts[:-1] - lengths[:-1] + 1
    return np.cumsum(steps, out=steps)


class _Divided(NamedTuple):
    """Texts as words: the ids of distinct words, which of these each word is, and where each text begins."""

    of_words: Ragged
    which: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.int32]

    def sum_by_text(self, of_words: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the sum of a number of each word over each text."""
        ends = np.append(0, np.cumsum(of_words))
        return ends[self.bounds[1:]] - ends[self.bounds[:-1]]


class WordRules(NamedTuple):
    """Properties of a tokenizer that decide how texts are split into words for it."""

    marks: str  # these are words of their own
    has_clusters: bool  # whether a space and what is beside it may be normalised together


class WordTokenizer:
    """Tokenises texts word by word, with a cache of frequent words; several threads may use it."""

    def __init__(self, tokenizer: Any, rules: WordRules, *, before: list[int], after: list[int]) -> None:
        """Start with an empty cache; `before` and `after` are the ids of special tokens around a text.

        Args:
            tokenizer: A `tokenizers.Tokenizer` that cuts and pads nothing and whose tokens span no space, used by this
                object alone.
            rules: Of this tokenizer.
            before: The special tokens that a text begins with.
            after: Those that it ends with.
        """
        self.before, self.after = before, after
        self._tokenizer = tokenizer
        # A mark of a token that was added to the vocabulary, such as "[SEP]", does not end a word.
        self._added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
        self._marks = "".join(mark for mark in rules.marks if mark not in "".join(self._added.values()))
        self._has_clusters = rules.has_clusters
        self._separator = next((number for number in after if number in self._added), None)
        self._lock = threading.Lock()
        self._known: tuple[pa.Array, Ragged] = (pa.array([], pa.string()), to_ragged([]))

    def tokenize(self, texts: pa.Array) -> Ragged:
        """Return the token ids of each text, without truncation and without special tokens.

        Args:
            texts: Strings, none null.
        """
        # A line break is whitespace like a space: it separates words, and is nothing else.
        broken = pc.replace_substring(texts, "\n", " ")
        if self._has_clusters:
            clings = _match(broken, f" {_CLINGING}|{_CLINGING} ")
            if clings.any():
                return _merge(
                    clings,
                    self._encode_alone(texts.filter(pa.array(clings))),
                    self._split(broken.filter(pa.array(~clings))),
                )
        return self._split(broken)

    def count(self, texts: pa.Array) -> npt.NDArray[np.int64]:
        """Return the number of token ids that `tokenize` returns for each text, int64 `(n,)`, in less time.

        Args:
            texts: Strings, none null.
        """
        if self._has_clusters:
            return self.tokenize(texts).lengths
        divided = self._divide(pc.replace_substring(texts, "\n", " "))
        return divided.sum_by_text(divided.of_words.lengths[divided.which])

    def _split(self, texts: pa.Array) -> Ragged:
        """Return the ids of texts by their words, which are separated by spaces."""
        divided = self._divide(texts)
        ids, lengths = divided.of_words.take(divided.which)
        return Ragged(ids, divided.sum_by_text(lengths))

    def _divide(self, texts: pa.Array) -> "_Divided":
        """Divide texts into words, which are separated by spaces, and find the ids of each distinct one."""
        if self._marks:
            texts = pc.replace_substring_regex(texts, f"([{re.escape(self._marks)}])", r" \1 ")
        words = pc.split_pattern(texts, " ")
        coded = words.flatten().dictionary_encode()
        which = coded.indices.to_numpy()
        return _Divided(self._look_up(coded.dictionary, which), which, words.offsets.to_numpy())

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
        if self._separator is None:
            return self._encode_alone(words)
        is_alone = np.zeros(len(words), bool)
        for content in self._added.values():  # the separator itself, for one
            is_alone |= pc.match_substring(words, content).to_numpy(zero_copy_only=False)
        if self._has_clusters:
            is_alone |= _match(words, f"^{_CLINGING}|{_CLINGING}$")
        if not is_alone.any():
            return self._encode_joined(words)
        alone, joined = (words.filter(pa.array(which)) for which in (is_alone, ~is_alone))
        return _merge(is_alone, self._encode_alone(alone), self._encode_joined(joined))

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

    def _encode_alone(self, strings: pa.Array) -> Ragged:
        rows: list[list[int]] = []
        for start in range(0, len(strings), _AT_ONCE):
            some = strings[start : start + _AT_ONCE].to_pylist()
            rows += [encoding.ids for encoding in self._tokenizer.encode_batch_fast(some, add_special_tokens=False)]
        return to_ragged(rows)

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


def build_word_tokenizer(tokenizer: Any) -> WordTokenizer | None:
    """Build a word-by-word tokenizer with the same ids as `tokenizer`; None if that cannot be done for it.

    Args:
        tokenizer: A `transformers.PreTrainedTokenizerBase`.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - loaded with transformers

    rules = _find_rules(tokenizer) if tokenizer.is_fast and tokenizer.truncation_side == "right" else None
    if rules is None:
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
    return WordTokenizer(copied, rules, before=whole[:at], after=whole[at + len(content) :])


def _find_rules(tokenizer: Any) -> WordRules | None:
    """Return the rules of a tokenizer; None if a token may span a space, or depends on what is beside it."""
    backend = tokenizer.backend_tokenizer
    # A token that was added to the vocabulary is found before the text is split.
    if any(character.isspace() for token in backend.get_added_tokens_decoder().values() for character in token.content):
        return None
    model = type(backend.model).__name__
    normalizers, pre_tokenizers = (_list_stages(stage) for stage in (backend.normalizer, backend.pre_tokenizer))
    kinds = [stage["type"] for stage in pre_tokenizers]
    if model == "WordPiece" and [stage["type"] for stage in normalizers] == ["BertNormalizer"]:
        return WordRules(_MARKS, has_clusters=False) if kinds == ["BertPreTokenizer"] else None
    is_known = all(stage["type"] == "Precompiled" or stage == _ONE_SPACE for stage in normalizers)
    if model == "Unigram" and is_known and kinds == ["WhitespaceSplit", "Metaspace"]:
        return WordRules("", has_clusters=True) if pre_tokenizers[1].get("prepend_scheme") == "always" else None
    return None


def _list_stages(stage: Any) -> list[dict[str, Any]]:
    """Return the stages that a normalizer or pre-tokenizer consists of, as its tokenizer.json has them."""
    if stage is None:
        return []
    state = json.loads(stage.__getstate__())
    return state.get("normalizers") or state.get("pretokenizers") or [state]


def _match(strings: pa.Array, pattern: str) -> npt.NDArray[np.bool_]:
    return pc.match_substring_regex(strings, pattern).to_numpy(zero_copy_only=False)


def _merge(is_first: npt.NDArray[np.bool_], first: Ragged, second: Ragged) -> Ragged:
    """Return rows of two: of `first` where `is_first`, in order."""
    rows = np.where(is_first, np.cumsum(is_first) - 1, len(first.lengths) + np.cumsum(~is_first) - 1)
    return first.append(second).take(rows)


def to_ragged(rows: list[list[int]]) -> Ragged:
    """Convert lists of token ids to `Ragged` arrays."""
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    return Ragged(np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths)
