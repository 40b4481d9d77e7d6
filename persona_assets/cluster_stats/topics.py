"""Find topics in a sample of each cluster's posts by LDA."""

from typing import NamedTuple

import numpy as np

LEAST_POSTS = 20
TOPICS = 5
WORDS_OF_A_TOPIC = 8
PASSES = 10
# Words in fewer posts than this, or in more than this share of them, tell no topics apart.
LEAST_POSTS_OF_A_WORD = 2
MOST_SHARE_OF_A_WORD = 0.5


class Topics(NamedTuple):
    """Topics of one cluster, each its words, heaviest first; or why there are none."""

    topics: list[list[str]]
    note: str | None


def find_topics(posts: list[list[str]], *, seed: int) -> Topics:
    """Return the topics of one cluster's posts by latent Dirichlet allocation (Blei, Ng and Jordan, 2003).

    One process, one seed: the same posts in the same order give the same topics.

    Args:
        posts: The words of each post.
        seed: Of the model's random start.

    Raises:
        FloatingPointError: The model's weights are not finite.
    """
    texts = [words for words in posts if words]
    if len(texts) < LEAST_POSTS:
        return Topics([], f"insufficient data: {len(texts)} posts with words, {LEAST_POSTS} needed")
    from gensim.corpora import Dictionary  # noqa: PLC0415 - 7 s, and definitions must load fast
    from gensim.models import LdaModel  # noqa: PLC0415 - the same

    dictionary = Dictionary(texts)
    dictionary.filter_extremes(no_below=LEAST_POSTS_OF_A_WORD, no_above=MOST_SHARE_OF_A_WORD)
    corpus = [bag for bag in map(dictionary.doc2bow, texts) if bag]
    if not corpus:
        return Topics([], "insufficient data: no word is shared by some and not by most posts")
    # A BLAS may flag numbers beyond the end of a short row that it loads and does not use: what it returns is looked
    # at instead.
    with np.errstate(invalid="ignore"):
        model = LdaModel(corpus, num_topics=TOPICS, id2word=dictionary, passes=PASSES, random_state=seed, eval_every=0)
        weights = model.inference(corpus)[0].sum(axis=0)
    if not np.isfinite(weights).all():
        raise FloatingPointError("LDA ended in weights that are no numbers: report it if it recurs")
    heaviest = sorted(range(TOPICS), key=lambda topic: -weights[topic])
    words = [[word for word, _ in model.show_topic(topic, WORDS_OF_A_TOPIC)] for topic in heaviest]
    return Topics(words, None)
