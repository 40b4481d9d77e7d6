"""Gensim's LDA with the posterior of all documents of a chunk computed at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gensim.matutils import dirichlet_expectation
from gensim.models import LdaModel

Floats = npt.NDArray[np.float32]


class BatchedLdaModel(LdaModel):
    """`LdaModel` whose E-step is one array operation for all documents, not a loop over them.

    Gensim iterates over documents in Python, which costs several times as much for short posts. The algorithm is the
    same (Hoffman, Blei and Bach, 2010: Online learning for latent Dirichlet allocation, algorithm 2), with the same
    random numbers and the same test of convergence for each document, so that results differ by rounding alone.
    """

    def inference(
        self,
        chunk: Sequence[Sequence[tuple[int, int]]],
        collect_sstats: bool = False,  # noqa: FBT001, FBT002 - gensim's
    ) -> tuple[Floats, Floats | None]:
        """Return the topic weights of each document and, if asked for, the statistics for the M-step.

        Args:
            chunk: The (word number, count) pairs of each document. No document is empty.
            collect_sstats: Whether to return the second array.

        Returns:
            Parameters of the Dirichlet distribution of each document, shape (documents, topics); expected counts of
            words by topic, shape (topics, words), or None.
        """
        starts = np.cumsum([0, *map(len, chunk)])[:-1]
        document = np.repeat(np.arange(len(chunk)), [len(bag) for bag in chunk])
        words, counts = (np.array([pair[part] for bag in chunk for pair in bag]) for part in (0, 1))
        by_word = self.expElogbeta[:, words].T  # (pairs, topics)
        weights = self._draw_weights(len(chunk))
        topics = np.exp(dirichlet_expectation(weights))
        active = np.ones(len(chunk), dtype=bool)
        for _ in range(self.iterations):
            share = counts / self._normalise(topics, by_word, document)
            sums = np.add.reduceat(share[:, None] * by_word, starts)
            updated = (self.alpha + topics * sums).astype(self.dtype)
            changes = np.abs(updated - weights).mean(axis=1)
            weights[active] = updated[active]
            topics[active] = np.exp(dirichlet_expectation(updated[active]))
            active &= changes >= self.gamma_threshold
            if not active.any():
                break
        if not collect_sstats:
            return weights, None
        share = (counts / self._normalise(topics, by_word, document)).astype(self.dtype)
        expected = np.zeros_like(self.expElogbeta)
        np.add.at(expected.T, words, topics[document] * share[:, None])
        return weights, expected * self.expElogbeta

    def _draw_weights(self, documents: int) -> Floats:
        """Return the first weights, drawn as gensim draws them."""
        drawn: Any = self.random_state.gamma(100.0, 0.01, (documents, self.num_topics))
        return drawn.astype(self.dtype)

    def _normalise(self, topics: Floats, by_word: Floats, document: npt.NDArray[np.int64]) -> Floats:
        """Return the probability of the word of each pair in its document, above 0."""
        return np.einsum("nk,nk->n", topics[document], by_word) + np.finfo(self.dtype).eps
