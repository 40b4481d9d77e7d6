import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.assets.dataset.hash_index import MISSING, HashIndex


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), unique=True), max_size=6), st.lists(st.integers(0, 2**64 - 1)))
def test_an_index_finds_what_a_dictionary_finds(batches, others) -> None:
    index, expected = HashIndex(), {}
    for number, batch in enumerate(batches):
        new = np.array(sorted(set(batch) - set(expected)), np.uint64)
        index.add(new, np.full(len(new), number, np.int32))
        expected.update(dict.fromkeys(new.tolist(), number))

    asked = np.array([*expected, *others], np.uint64)

    assert index.find(asked).tolist() == [expected.get(one, MISSING) for one in asked.tolist()]
    assert len(index) == len(expected)


def test_entries_are_all_there_in_order_after_many_small_batches() -> None:
    index = HashIndex()
    hashes = np.random.default_rng(1).permutation(2000).astype(np.uint64)
    for start in range(0, 2000, 10):
        index.add(np.sort(hashes[start : start + 10]), np.sort(hashes[start : start + 10]).astype(np.int32))

    keys, values = index.entries()

    assert keys.tolist() == values.tolist() == list(range(2000))
    assert index.find(hashes).tolist() == hashes.tolist()
