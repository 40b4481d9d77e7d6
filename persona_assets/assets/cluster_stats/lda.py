"""Fit latent Dirichlet allocation (LDA) to a small corpus, with the posterior of all documents computed at once."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.special import psi

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# As in gensim: a document has converged when its topic weights change by less than this on average.
CONVERGED = 1e-3
# As in gensim: the weight of the n-th update is n to the power of minus this.
DECAY = 0.5


class Corpus(NamedTuple):
    """Documents as pairs of a word and its count, sorted by document; no document is empty."""

    lengths: Ints  # (documents,), number of pairs of each
    words: Ints  # (pairs,), numbers of words from 0
    counts: Floats  # (pairs,)


class FittedTopics(NamedTuple):
    """The topics of a corpus."""

    words: Floats  # (topics, words), the weight of each word in each topic, above 0
    weights: Floats  # (topics,), the number of words that each topic explains, with the priors of the documents


class _Moving(NamedTuple):
    """The documents that have not converged: what an iteration reads of them."""

    rows: Ints  # (documents,), their numbers in the corpus
    lengths: Ints  # (documents,)
    counts: Floats  # (pairs,)
    by_word: Floats  # (pairs, topics), the likelihood of each pair's word
    weights: Floats  # (documents, topics)

    def select(self, kept: npt.NDArray[np.bool_], weights: Floats) -> Self:
        """Return some of the documents, with the new weights of all."""
        if kept.all():
            return self._replace(weights=weights)
        pairs = np.flatnonzero(np.repeat(kept, self.lengths))
        return type(self)(
            self.rows[kept],
            self.lengths[kept],
            self.counts.take(pairs),
            self.by_word.take(pairs, axis=0),
            weights[kept],
        )


def build_corpus(documents: Sequence[Sequence[int]]) -> Corpus:
    """Count the words of each document, given as numbers of words; documents without words are left out."""
    kept = [words for words in documents if len(words)]
    flat = np.fromiter(chain.from_iterable(kept), np.int64)
    document = np.repeat(np.arange(len(kept)), [len(words) for words in kept])
    distinct = 1 + flat.max(initial=0)
    pairs, counts = np.unique(document * distinct + flat, return_counts=True)
    lengths = np.bincount(pairs // distinct, minlength=len(kept))
    return Corpus(lengths, pairs % distinct, counts.astype(np.float32))


def fit_lda(  # noqa: PLR0913 - the size of the model, and how long to fit it
    corpus: Corpus, *, topics: int, words: int, passes: int, iterations: int, seed: int
) -> FittedTopics:
    """Fit LDA by variational Bayes, with one update for each pass over all documents.

    This is algorithm 2 of Hoffman, Blei and Bach (2010), Online learning for latent Dirichlet allocation, with the
    corpus as its only batch. Priors, rates, and the test of convergence are those of gensim's `LdaModel`. A pass
    begins with the topics of documents that the pass before found, where gensim draws them anew: half as many
    iterations then give topics that are as coherent.

    Args:
        corpus: At least one document.
        topics: Number of topics.
        words: Number of distinct words.
        passes: Number of passes over the corpus.
        iterations: Maximum iterations for the topics of a document in each pass.
        seed: Seed of the initial weights.
    """
    rng = np.random.RandomState(seed)
    prior = np.float32(1 / topics)
    statistics = _draw_weights(rng, topics, words)
    likelihood = _exp_expected_log(statistics)
    weights = _draw_weights(rng, len(corpus.lengths), topics)
    for number in range(passes):
        weights = _infer(corpus, likelihood, weights, prior, iterations)
        # The first update replaces what was drawn at random. Gensim counts it twice.
        rate = (1 + number + (number > 0)) ** -DECAY
        statistics = (1 - rate) * statistics + rate * _count_words(corpus, likelihood, weights)
        likelihood = _exp_expected_log(statistics + prior)
    return FittedTopics(statistics + prior, weights.sum(axis=0))


def _draw_weights(rng: np.random.RandomState, rows: int, columns: int) -> Floats:
    return rng.gamma(100.0, 0.01, (rows, columns)).astype(np.float32)


def _infer(corpus: Corpus, likelihood: Floats, drawn: Floats, prior: np.float32, iterations: int) -> Floats:
    """Return the topic weights of each document, `(documents, topics)`; iterations begin with the drawn ones."""
    found = drawn.copy()
    by_word = likelihood.T.take(corpus.words, axis=0)
    moving = _Moving(np.arange(len(found)), corpus.lengths, corpus.counts, by_word, drawn)
    for _ in range(iterations):
        topics = _exp_digamma(moving.weights)
        share = moving.counts / _explain(topics, moving.by_word, moving.lengths)
        sums = np.add.reduceat(share[:, None] * moving.by_word, np.cumsum(moving.lengths) - moving.lengths)
        updated = prior + topics * sums
        found[moving.rows] = updated
        has_moved = np.abs(updated - moving.weights).mean(axis=1) >= CONVERGED
        if not has_moved.any():
            break
        moving = moving.select(has_moved, updated)
    return found


def _count_words(corpus: Corpus, likelihood: Floats, weights: Floats) -> Floats:
    """Return the expected counts of words by topic, `(topics, words)`."""
    topics = _exp_digamma(weights)
    explained = _explain(topics, likelihood.T.take(corpus.words, axis=0), corpus.lengths)
    by_pair = np.repeat(topics, corpus.lengths, axis=0) * (corpus.counts / explained)[:, None]
    expected = [np.bincount(corpus.words, column, likelihood.shape[1]) for column in by_pair.T]
    return np.stack(expected).astype(np.float32) * likelihood


def _explain(topics: Floats, by_word: Floats, lengths: Ints) -> Floats:
    """Return the probability of the word of each pair in its document, up to a factor of the document; above 0."""
    return np.einsum("nk,nk->n", np.repeat(topics, lengths, axis=0), by_word) + np.finfo(np.float32).tiny


def _exp_expected_log(weights: Floats) -> Floats:
    """Return the exponential of the expected logarithm under Dirichlet distributions, one for each row."""
    return _exp_digamma(weights) / _exp_digamma(weights.sum(axis=1, keepdims=True))


def _exp_digamma(values: Floats) -> Floats:
    return np.exp(psi(values))
