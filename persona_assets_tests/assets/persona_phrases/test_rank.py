"""Key phrases: near to their own persona, far from the others, different from each other."""

import numpy as np

from persona_assets.assets.persona_phrases.candidates import CandidatePhrase
from persona_assets.assets.persona_phrases.rank import MAX_PHRASES, NO_NAME, name_clusters, rank_phrases


def unit(vectors):
    vectors = np.asarray(vectors, np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


CENTRES = unit([[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def rank(scores_and_vectors, centres=CENTRES):
    candidates = [
        [CandidatePhrase(phrase, 2, score) for phrase, (score, _) in of_cluster.items()]
        for of_cluster in scores_and_vectors
    ]
    vectors = {phrase: unit(vector) for of_cluster in scores_and_vectors for phrase, (_, vector) in of_cluster.items()}
    return rank_phrases(candidates, vectors, centres)


def test_a_phrase_that_fits_another_persona_better_comes_last():
    found = rank(
        [
            {"of both": (1, [1, 1, 0]), "its own": (1, [1, 0, 0])},
            {"second": (1, [0, 1, 0])},
            {"third": (1, [0, 0, 1])},
        ]
    )

    assert found == [["its own", "of both"], ["second"], ["third"]]


def test_what_says_the_same_again_comes_after_something_else():
    found = rank(
        [
            {"tomato": (1, [1, 0, 0, 1, 0]), "ketchup": (0.9, [1, 0, 0, 1, 0.1]), "greenhouse": (0.5, [1, 0, 0, 0, 1])},
            {"second": (1, [0, 1, 0, 0, 0])},
            {"third": (1, [0, 0, 1, 0, 0])},
        ],
        np.eye(5, dtype=np.float32)[:3],
    )

    assert found[0][1] == "greenhouse"


def test_no_two_phrases_share_a_word_in_any_form():
    found = rank([{"old bridge": (1, [1, 0, 0]), "bridges": (0.9, [1, 0.1, 0]), "#bridge": (0.8, [1, 0, 0.1])}, {}, {}])

    assert found == [["old bridge"], [], []]


def test_there_are_few_phrases_and_a_name_is_the_best_three():
    found = rank(
        [
            {f"word{letter}": (1 - number / 100, [1, number / 50, 0]) for number, letter in enumerate("abcdefghijk")},
            {},
            {},
        ]
    )

    assert len(found[0]) == MAX_PHRASES
    assert name_clusters(found) == [" · ".join(found[0][:3]), NO_NAME, NO_NAME]


def test_one_persona_alone_and_none_with_phrases_are_named():
    assert rank([{"tea": (1, [1, 0, 0])}], CENTRES[:1]) == [["tea"]]
    assert rank([{}, {}, {}]) == [[], [], []]
