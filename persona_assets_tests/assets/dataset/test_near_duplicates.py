import networkx as nx
import numpy as np

from persona_assets.assets.dataset.near_duplicates import N_VALUES, group_near_duplicates, minhash_texts
from persona_assets_tests.assets.dataset.line_builders import WORDS, random_text


def similarity(first: str, second: str) -> float:
    runs = [{text[start : start + 5] for start in range(len(text) - 4)} for text in (first, second)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def test_equal_values_of_signatures_estimate_the_jaccard_similarity() -> None:
    rng = np.random.default_rng(1)
    texts = [random_text(rng, 20) for _ in range(200)]
    changed = [" ".join([*text.split()[:-5], *random_text(rng, 5).split()]) for text in texts]

    equal = (minhash_texts(texts, seed=3) == minhash_texts(changed, seed=3)).mean(axis=1)

    exact = np.array([similarity(*pair) for pair in zip(texts, changed, strict=True)])
    assert abs((equal - exact).mean()) < 0.01
    assert np.abs(equal - exact).max() < 0.25


def test_a_signature_does_not_depend_on_the_other_texts_but_on_the_seed() -> None:
    alone, among = minhash_texts(["amber birch cedar"], seed=1), minhash_texts(["x", "amber birch cedar", ""], seed=1)

    assert among.shape == (3, N_VALUES)
    assert among.dtype == np.uint32
    assert (alone[0] == among[1]).all()
    assert (alone != minhash_texts(["amber birch cedar"], seed=2)).any()


def test_texts_with_one_word_changed_are_grouped_and_others_are_not() -> None:
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(2000)]
    originals = [list(rng.choice(words, 25)) for _ in range(300)]
    edited = [[*text[:12], "changed", *text[13:]] for text in originals]
    texts = [" ".join(text) for text in originals + edited]

    groups = group_near_duplicates(minhash_texts(texts, seed=1), min_similarity=0.7)

    found = (groups[:300] == groups[300:]).mean()
    assert found > 0.97
    assert len(np.unique(groups)) >= 300  # no two originals


def test_without_near_duplicates_every_text_is_its_own_group() -> None:
    signatures = minhash_texts(["amber birch cedar"] * 3, seed=1)

    assert group_near_duplicates(signatures, min_similarity=1).tolist() == [0, 1, 2]
    assert group_near_duplicates(signatures, min_similarity=0.7).tolist() == [0, 0, 0]
    assert group_near_duplicates(signatures[:0], min_similarity=0.7).tolist() == []


def test_a_template_that_ten_thousand_texts_follow_is_one_group_in_linear_time() -> None:
    texts = [f"{' '.join(WORDS)} {' '.join(WORDS[::-1])} number {number}" for number in range(10_000)]

    groups = group_near_duplicates(minhash_texts(texts, seed=1), min_similarity=0.7)

    assert len(np.unique(groups)) == 1


def test_groups_are_those_of_comparing_all_candidates_and_are_numbered_by_first_texts() -> None:
    rng = np.random.default_rng(2)
    # A few values a place, so that many texts agree in bands without being similar.
    signatures = rng.integers(0, 3, (300, N_VALUES)).astype(np.uint32)
    signatures[100:200] = np.where(rng.random((100, N_VALUES)) < 0.2, 9, signatures[:100])
    pairs = nx.Graph()
    pairs.add_nodes_from(range(300))
    for band in range(0, N_VALUES, 4):
        seen: dict[bytes, list[int]] = {}
        for text in range(300):
            alike = seen.setdefault(signatures[text, band : band + 4].tobytes(), [])
            for other in {*alike[:1], *alike[-1:]}:
                if (signatures[text] == signatures[other]).mean() >= 0.7:
                    pairs.add_edge(text, other)
            alike.append(text)

    groups = group_near_duplicates(signatures, min_similarity=0.7)

    expected = {frozenset(part) for part in nx.connected_components(pairs)}
    assert {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)} == expected
    assert len(expected) < 260
    firsts = [int(np.flatnonzero(groups == group)[0]) for group in np.unique(groups)]
    assert firsts == sorted(firsts)
