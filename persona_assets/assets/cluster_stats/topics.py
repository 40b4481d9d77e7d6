"""Find the topics of a sample of posts by latent Dirichlet allocation (LDA), their number chosen by coherence."""

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from persona_assets.assets.cluster_stats.coherence import measure_coherences

if TYPE_CHECKING:
    from persona_assets.assets.cluster_stats.lda import FittedTopics

# Minimum number of posts with words for each topic, and for topics at all.
MIN_POSTS = 20
# Numbers of topics to try.
TOPIC_NUMBERS = (3, 5, 8)
WORDS_PER_TOPIC = 8
# Twice as many iterations take 1.2 times as long without more coherent topics.
ITERATIONS, PASSES = 10, 5
# Words in fewer posts, or in a larger share of posts, do not distinguish topics.
MIN_POSTS_PER_WORD = 2
MAX_SHARE_PER_WORD = 0.5


class ClusterTopics(NamedTuple):
    """The topics of one cluster as lists of words, with their coherence; or a note on why there are none."""

    topics: list[list[str]]  # the words of each topic, the topic with the largest weight first
    coherence: float | None  # c_v of these topics, 0 to 1; None without topics
    note: str | None  # why there are no topics


def find_topics(posts: list[list[str]], *, seed: int) -> ClusterTopics:
    """Fit LDA (Blei, Ng and Jordan, 2003) to one cluster's posts, and return topics, their number chosen by coherence.

    The number of topics is the one of `TOPIC_NUMBERS` with the highest c_v coherence (Röder, Both and Hinneburg, 2015),
    which measures whether the words of a topic occur in the same posts. The same posts in the same order and the same
    seed give the same topics.

    Args:
        posts: The words of each post. Takes about 0.1 s of CPU for 1,000 posts.
        seed: Seed of the model's initialisation.

    Raises:
        FloatingPointError: LDA ended in weights that are not finite.
    """
    texts = [words for words in posts if words]
    if len(texts) < MIN_POSTS:
        return ClusterTopics([], None, f"insufficient data: {len(texts)} posts with words, {MIN_POSTS} needed")
    words = _choose_words(texts)
    number = {word: place for place, word in enumerate(words)}
    from persona_assets.assets.cluster_stats.lda import build_corpus, fit_lda  # noqa: PLC0415 - scipy

    corpus = build_corpus([[number[word] for word in post if word in number] for post in texts])
    if not len(corpus.lengths):
        return ClusterTopics([], None, "insufficient data: no word is shared by some and not by most posts")
    tried = [count for count in TOPIC_NUMBERS if count * MIN_POSTS <= len(corpus.lengths)] or TOPIC_NUMBERS[:1]
    fits = [
        fit_lda(corpus, topics=count, words=len(words), passes=PASSES, iterations=ITERATIONS, seed=seed)
        for count in tried
    ]
    found = [_list_topic_words(fit, words) for fit in fits]
    coherences = _average_coherences(found, texts)
    best = max(range(len(found)), key=lambda place: coherences[place])
    return ClusterTopics(found[best], coherences[best], None)


def _choose_words(texts: list[list[str]]) -> list[str]:
    """Return the words that distinguish topics, in the order of the first posts that have them."""
    posts = Counter(word for words in texts for word in set(words))
    return [
        word
        for word in dict.fromkeys(word for words in texts for word in sorted(set(words)))
        if MIN_POSTS_PER_WORD <= posts[word] <= int(MAX_SHARE_PER_WORD * len(texts))
    ]


def _list_topic_words(fit: "FittedTopics", words: list[str]) -> list[list[str]]:
    """Return the most probable words of each topic, the topic with the largest weight over all posts first."""
    if not np.isfinite(fit.weights).all():
        raise FloatingPointError("LDA ended in weights that are not finite: report this if it happens again")
    return [
        [words[word] for word in np.argsort(-fit.words[topic], kind="stable")[:WORDS_PER_TOPIC]]
        for topic in np.argsort(-fit.weights, kind="stable")
    ]


def _average_coherences(tried: list[list[list[str]]], texts: list[list[str]]) -> list[float]:
    """Return the mean coherence of each list of topics, 0 where it is not defined.

    Means are rounded, so that rounding errors decide no tie. All topics are measured by one pass over the texts.
    """
    of_topics = iter(measure_coherences([words for topics in tried for words in topics], texts))
    means = [round(float(np.mean([next(of_topics) for _ in topics])), 4) for topics in tried]
    return [0.0 if np.isnan(mean) else mean for mean in means]
