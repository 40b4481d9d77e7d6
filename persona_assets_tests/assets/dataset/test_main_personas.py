import numpy as np

from persona_assets.assets.dataset.main_personas import find_main_personas


def test_the_persona_of_most_lines_counts_and_the_lowest_of_several() -> None:
    units = np.array([5, 5, 5, 2, 2, 9], np.int64)
    personas = np.array([7, 3, 7, 8, 1, 4], np.int32)

    distinct, main, sizes = find_main_personas(units, personas)

    assert distinct.tolist() == [2, 5, 9]
    assert main.tolist() == [1, 7, 4]
    assert sizes.tolist() == [2, 3, 1]


def test_no_lines_have_no_units() -> None:
    distinct, main, sizes = find_main_personas(np.empty(0, np.int64), np.empty(0, np.int32))

    assert [len(distinct), len(main), len(sizes)] == [0, 0, 0]
