"""Measure how coherent topics are: whether their words occur in the same posts."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

# As in gensim: words occur together if they are in the same stretch of as many words. Nearly all posts are shorter.
WINDOW_WORDS = 110
_EPSILON = 1e-12

Floats = npt.NDArray[np.float64]


def measure_coherences(topics: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> list[float]:
    """Return the coherence c_v of each topic, at most 1 (Röder, Both and Hinneburg, 2015).

    A word's context is its normalised pointwise mutual information with each word of the topic, in windows of
    `WINDOW_WORDS` words. The coherence is the mean cosine of each word's context to the sum of those of all words. The
    values are gensim's `CoherenceModel(coherence="c_v")`, which computes them pair by pair in Python.

    Args:
        topics: The distinct words of each topic. Each word is in a text.
        texts: The words of each text.
    """
    number = {word: place for place, word in enumerate(dict.fromkeys(word for topic in topics for word in topic))}
    together, windows = _count_together(number, texts)
    own = np.diag(together)
    joint = together / windows + _EPSILON
    information = np.log(joint * windows**2 / np.outer(own, own)) / -np.log(joint)
    return [_measure_topic(information[np.ix_(places, places)]) for places in ([number[w] for w in t] for t in topics)]


def _measure_topic(contexts: Floats) -> float:
    whole = contexts.sum(axis=0)
    lengths = np.linalg.norm(contexts, axis=1) * np.linalg.norm(whole)
    return float(np.mean(contexts @ whole / lengths))


def _count_together(number: dict[str, int], texts: Sequence[Sequence[str]]) -> tuple[Floats, int]:
    """Return in how many windows each two words are, `(words, words)`, and the number of windows."""
    windows = [window for words in texts for window in _list_windows([number.get(word, -1) for word in words])]
    row = np.repeat(np.arange(len(windows)), [len(window) for window in windows])
    holds = np.zeros((len(windows), len(number) + 1), np.float32)
    holds[row, np.fromiter(chain.from_iterable(windows), np.int64, len(row))] = 1
    together = holds[:, :-1].T @ holds[:, :-1]  # whole numbers, exact below 2 ** 24
    return together.astype(np.float64), len(windows)


def _list_windows(places: list[int]) -> Iterator[list[int]]:
    return (places[at : at + WINDOW_WORDS] for at in range(max(1, len(places) - WINDOW_WORDS + 1)))
