"""Find the topics of a sample of posts by latent Dirichlet allocation (LDA), their number chosen by coherence."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel

# Minimum number of posts with words for each topic, and for topics at all.
MIN_POSTS = 20
# Numbers of topics to try.
TOPIC_NUMBERS = (3, 5, 8)
WORDS_PER_TOPIC = 8
# Twice as many passes and 50 iterations take 1.6 times as long without more coherent topics.
ITERATIONS, PASSES = 20, 5
# Words in fewer posts, or in a larger share of posts, do not distinguish topics.
MIN_POSTS_PER_WORD = 2
MAX_SHARE_PER_WORD = 0.5

BagsOfWords = list[Any]  # for each post the (word number, count) pairs of gensim's doc2bow


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
        posts: The words of each post. Takes about 0.5 s of CPU for 1,000 posts.
        seed: Seed of the model's initialisation.

    Raises:
        FloatingPointError: LDA ended in weights that are not finite.
    """
    texts = [words for words in posts if words]
    if len(texts) < MIN_POSTS:
        return ClusterTopics([], None, f"insufficient data: {len(texts)} posts with words, {MIN_POSTS} needed")
    from gensim.corpora import Dictionary  # noqa: PLC0415 - 1.4 s, 7 s from a cold disk; definitions must load fast

    dictionary = Dictionary(texts)
    dictionary.filter_extremes(no_below=MIN_POSTS_PER_WORD, no_above=MAX_SHARE_PER_WORD)
    corpus = [bag for bag in map(dictionary.doc2bow, texts) if bag]
    if not corpus:
        return ClusterTopics([], None, "insufficient data: no word is shared by some and not by most posts")
    numbers = [number for number in TOPIC_NUMBERS if number * MIN_POSTS <= len(corpus)] or TOPIC_NUMBERS[:1]
    # A BLAS may raise a warning for padding that it loads and does not use, so warnings are off and the weights are
    # checked instead.
    with np.errstate(invalid="ignore"):
        topics_tried = [_list_topic_words(_fit(corpus, dictionary, number, seed=seed), corpus) for number in numbers]
    coherences = _measure_coherences(topics_tried, texts, dictionary)
    best = max(range(len(topics_tried)), key=lambda number: coherences[number])
    return ClusterTopics(topics_tried[best], coherences[best], None)


def _fit(corpus: BagsOfWords, dictionary: "Dictionary", topics: int, *, seed: int) -> "LdaModel":
    from persona_assets.assets.cluster_stats.batched_lda import (  # noqa: PLC0415 - imports gensim
        BatchedLdaModel,
    )

    return BatchedLdaModel(
        corpus,
        num_topics=topics,
        id2word=dictionary,
        iterations=ITERATIONS,
        passes=PASSES,
        random_state=seed,
        eval_every=0,
    )


def _list_topic_words(model: "LdaModel", corpus: BagsOfWords) -> list[list[str]]:
    """Return the most probable words of each topic, the topic with the largest weight over all posts first."""
    weights = model.inference(corpus)[0].sum(axis=0)
    if not np.isfinite(weights).all():
        raise FloatingPointError("LDA ended in weights that are not finite: report this if it happens again")
    heaviest = sorted(range(len(weights)), key=lambda topic: -weights[topic])
    return [[word for word, _ in model.show_topic(topic, WORDS_PER_TOPIC)] for topic in heaviest]


def _measure_coherences(
    topics_tried: list[list[list[str]]], texts: list[list[str]], dictionary: "Dictionary"
) -> list[float]:
    """Return the c_v coherence of each list of topics: the mean over its topics, 0 where it is not defined.

    Means are rounded, so that rounding errors decide no tie. All topics are measured by one pass over the texts.
    """
    from gensim.models import CoherenceModel  # noqa: PLC0415 - loaded with the dictionary

    together = [words for topics in topics_tried for words in topics]
    model = CoherenceModel(topics=together, texts=texts, dictionary=dictionary, coherence="c_v", processes=1)
    of_topics = iter(model.get_coherence_per_topic())
    means = [round(float(np.mean([next(of_topics) for _ in topics])), 4) for topics in topics_tried]
    return [0.0 if np.isnan(mean) else mean for mean in means]
