"""Detectors reach their figures on made-up posts, and hostile texts take time in proportion to their length."""

import itertools
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.personal_data import Facet, Span, find_personal_data
from persona_assets.personal_data.kinds import KINDS
from persona_assets_tests.scored_posts import read_posts, score

STRUCTURED = [kind for kind in KINDS if kind != "name"]
# Pieces that patterns begin with or repeat: put together at random they are what patterns try longest.
PIECES = [
    *"a1@.:-( \n", "a@", "a.", "a.b@", "@a.", "1 ", "+1 ", "0 ", "00", "(0)", "a dot ", "a at b dot ", "(at)",
    "[dot]", "f::", "1.2.", "http://(", "https://a.b/)", "www.", "1 Aa ", "Aa ", "Flat 1, ", "12 a b ", "1 rue de la A",
    "Calle de la A ", "GB29 NWBK 6016 ", "did:plc:x ", "at://did:a:b/", "call ", "ssn ", "078-05-",
    "x.com", "xn--", "\u00e9", "\U0001f600", "P.O. ", "1 St ", "A, TX 7", "u/", "a1 at ", "gmail.com at ",
]  # fmt: skip


@pytest.mark.parametrize("name", ["posts_own.jsonl", "posts_other.jsonl"])
def test_structured_kinds_are_found(name):
    scored = score(read_posts(name), lambda texts: [find_personal_data(text) for text in texts])

    assert min(scored.known[kind] for kind in STRUCTURED) >= 5
    assert scored.recall(STRUCTURED) >= 0.99
    assert scored.precision(STRUCTURED) >= 0.98
    assert scored.alarms < 0.02 * scored.harmless


def test_a_facet_gives_the_kind_and_patterns_what_it_leaves_out():
    text = "\u00e9 write anna@example.org or Anna"

    assert find_personal_data(text, [Facet(9, 13, "handle"), Facet(29, 33, "handle")]) == [
        Span(8, 24, "handle"),
        Span(28, 32, "handle"),
    ]
    assert find_personal_data(text, [Facet(9, 999, "url")]) == [Span(8, 24, "email")]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_spans_are_sorted_inside_the_text_and_do_not_overlap(text):
    spans = find_personal_data(text)

    assert all(0 <= span.start < span.end <= len(text) and span.kind in KINDS for span in spans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


@settings(max_examples=60)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join))
def test_hostile_texts_take_linear_time(unit):
    def measure(length):
        text = (unit * (length // len(unit) + 1))[:length]
        start = time.process_time()
        find_personal_data(text)
        return time.process_time() - start

    # 2 microseconds a character were measured at worst: 25 leave room for a slow machine. A quadratic pattern takes
    # hundreds of times as long.
    assert min(measure(40_000) for _ in range(2)) < 1.0


def test_no_pattern_repeats_a_repetition_without_limit():
    from persona_assets.personal_data import numbers, online, streets  # noqa: PLC0415 - their patterns are private

    patterns = [
        value.pattern
        for module in (numbers, online, streets)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    ]

    assert len(patterns) > 15
    assert [pattern for pattern in patterns if re.search(r"\)[*+](?!\))|\)\{\d+,\}", pattern)] == []
