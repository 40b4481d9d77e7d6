"""Find topics in a sample of each cluster's posts by LDA, as many as make the most coherent ones."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel

LEAST_POSTS = 20
# Numbers of topics that are tried, where there are `LEAST_POSTS` to each.
NUMBERS = (3, 5, 8)
WORDS_OF_A_TOPIC = 8
# 50 and 10 take 1.6 times as long, and topics are no more coherent for it.
ITERATIONS, PASSES = 20, 5
# Words in fewer posts than this, or in more than this share of them, tell no topics apart.
LEAST_POSTS_OF_A_WORD = 2
MOST_SHARE_OF_A_WORD = 0.5

Corpus = list[Any]  # for each post the number of each word and how often it stands there


class Topics(NamedTuple):
    """Topics of one cluster, each its words, heaviest first; or why there are none."""

    topics: list[list[str]]
    coherence: float | None  # c_v of these topics, from 0 to 1
    note: str | None


def find_topics(posts: list[list[str]], *, seed: int) -> Topics:
    """Return the topics of one cluster's posts by latent Dirichlet allocation (Blei, Ng and Jordan, 2003).

    Of the `NUMBERS` of topics that one is taken whose topics are most coherent by c_v (Röder, Both and Hinneburg,
    2015): words of a topic that stand in the same posts. One process, one seed: the same posts in the same order give
    the same topics.

    Args:
        posts: The words of each post. Time grows with their number, some three seconds for each thousand.
        seed: Of the model's random start.

    Raises:
        FloatingPointError: The model's weights are not finite.
    """
    texts = [words for words in posts if words]
    if len(texts) < LEAST_POSTS:
        return Topics([], None, f"insufficient data: {len(texts)} posts with words, {LEAST_POSTS} needed")
    from gensim.corpora import Dictionary  # noqa: PLC0415 - 1.4 s, 7 s from a cold disk; definitions must load fast

    dictionary = Dictionary(texts)
    dictionary.filter_extremes(no_below=LEAST_POSTS_OF_A_WORD, no_above=MOST_SHARE_OF_A_WORD)
    corpus = [bag for bag in map(dictionary.doc2bow, texts) if bag]
    if not corpus:
        return Topics([], None, "insufficient data: no word is shared by some and not by most posts")
    numbers = [number for number in NUMBERS if number * LEAST_POSTS <= len(corpus)] or NUMBERS[:1]
    # A BLAS may flag numbers beyond the end of a short row that it loads and does not use: what it returns is looked
    # at instead.
    with np.errstate(invalid="ignore"):
        tried = [_name_topics(_fit(corpus, dictionary, number, seed=seed), corpus) for number in numbers]
    coherences = [_cohere(topics, texts, dictionary) for topics in tried]
    best = max(range(len(tried)), key=lambda number: coherences[number])
    return Topics(tried[best], coherences[best], None)


def _fit(corpus: Corpus, dictionary: "Dictionary", topics: int, *, seed: int) -> "LdaModel":
    from gensim.models import LdaModel  # noqa: PLC0415 - loaded with the dictionary

    return LdaModel(
        corpus,
        num_topics=topics,
        id2word=dictionary,
        iterations=ITERATIONS,
        passes=PASSES,
        random_state=seed,
        eval_every=0,
    )


def _name_topics(model: "LdaModel", corpus: Corpus) -> list[list[str]]:
    """Return the words of each topic, the topic that has most of the posts first."""
    weights = model.inference(corpus)[0].sum(axis=0)
    if not np.isfinite(weights).all():
        raise FloatingPointError("LDA ended in weights that are no numbers: report it if it recurs")
    heaviest = sorted(range(len(weights)), key=lambda topic: -weights[topic])
    return [[word for word, _ in model.show_topic(topic, WORDS_OF_A_TOPIC)] for topic in heaviest]


def _cohere(topics: list[list[str]], texts: list[list[str]], dictionary: "Dictionary") -> float:
    """Return the c_v coherence of topics, rounded so that a tie is one; 0 where words are too few to tell."""
    from gensim.models import CoherenceModel  # noqa: PLC0415 - loaded with the dictionary

    model = CoherenceModel(topics=topics, texts=texts, dictionary=dictionary, coherence="c_v", processes=1)
    coherence = round(float(model.get_coherence()), 4)
    return coherence if coherence == coherence else 0.0  # noqa: PLR0124 - not a number differs from itself
