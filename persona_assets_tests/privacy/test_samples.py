"""Samples are bounded, distinct, and independent of the order of what is read."""

from hypothesis import given
from hypothesis import strategies as st

from persona_assets.privacy.samples import ReleasedText, TextSample, draw_authors, draw_part


def sample(texts, limit=3, seed=0):
    drawn = TextSample(limit, seed)
    drawn.add(texts)
    return drawn.texts()


@given(st.lists(st.sampled_from("abcdefgh")), st.randoms(use_true_random=False))
def test_a_sample_depends_on_what_is_there_and_not_on_order_or_repetition(texts, random):
    shuffled = texts * 2
    random.shuffle(shuffled)

    assert sample(texts) == sample(shuffled)
    assert len(sample(texts)) == min(3, len(set(texts)))


def test_another_seed_draws_other_texts_and_empty_ones_are_never_drawn():
    texts = [f"text {number}" for number in range(200)]

    assert sample(texts, seed=0) != sample(texts, seed=1)
    assert sample(["", "a"]) == ["a"]


def line(number, author, text):
    return ReleasedText(number, author, text)


def test_authors_have_two_different_texts_at_least_and_lines_are_bounded():
    lines = [line(number, "much", f"text {number}") for number in range(20)]
    lines += [line(30, "again", "same"), line(31, "again", "same"), line(32, "blank", " "), line(33, "blank", "one")]
    lines += [line(40, "two", "one"), line(41, "two", "other")]

    drawn = draw_authors(lines, max_authors=10, max_texts=8, seed=0)

    assert [one.author for one in drawn] == ["much"] * 8 + ["two"] * 2
    assert drawn == draw_authors(lines[::-1], max_authors=10, max_texts=8, seed=0)


def test_of_equal_texts_of_an_author_the_first_line_counts():
    lines = [line(2, "a", "x"), line(1, "a", "x"), line(3, "a", "y")]

    assert [one.line_id for one in draw_authors(lines, max_authors=1, max_texts=9, seed=0)] == [1, 3]


def test_the_number_of_authors_is_bounded_and_the_seed_decides_which():
    lines = [line(number, f"author {number // 2}", f"text {number}") for number in range(100)]

    first = draw_authors(lines, max_authors=5, max_texts=8, seed=0)

    assert len({one.author for one in first}) == 5
    assert first != draw_authors(lines, max_authors=5, max_texts=8, seed=1)


def test_a_part_has_whole_authors_within_a_number_of_characters_and_is_in_every_larger_part():
    lines = [line(number, f"author {number // 2}", f"text {number:03}") for number in range(100)]

    parts = [draw_part(lines, max_characters=characters, seed=0) for characters in (15, 16, 100, 10_000)]

    assert [len(part) for part in parts] == [0, 2, 12, 100]
    assert set(parts[1]) <= set(parts[2]) <= set(parts[3])
    assert parts[2] == sorted(parts[2])
    assert parts[2] != draw_part(lines, max_characters=100, seed=1)
