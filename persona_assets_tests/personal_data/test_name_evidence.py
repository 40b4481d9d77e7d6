"""Names are found by lists where two words, or a title, agree; a single word is evidence only if it is nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personal_data.name_evidence import find_listed_names, is_no_person, is_place
from persona_assets.personal_data.name_lists import NameLists

WORDS = frozenset({"will", "roof", "walk", "carry", "the", "grace", "road", "fix", "wave", "says", "about"})
AMERICAN = frozenset({"grace", "anna"})
LISTS = NameLists(
    first=frozenset({"grace", "anna", "zbigniew", "siobhan", "jan"}),
    last=frozenset({"nowak", "roof", "walsh", "adebayo"}),
    first_no_word=frozenset({"anna", "zbigniew", "siobhan", "jan"}),
    last_no_word=frozenset({"nowak", "walsh", "adebayo"}),
    last_alone=frozenset({"nowak", "adebayo"}),
    alone=frozenset({"zbigniew", "siobhan"}),
    known=WORDS | AMERICAN | {"walsh"},
)


def find(text):
    return [text[slice(*span)] for span in find_listed_names(text, LISTS)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("saw Siobhán's dog", ["Siobhán"]),
        ("zbigniew fixed it", ["zbigniew"]),
        ("Zbigniew Qrtpol fixed it", ["Zbigniew Qrtpol", "Zbigniew Qrtpol"]),
        ("saw Grace Walsh", ["Grace Walsh"]),
        ("saw Anna Qrtpol", ["Anna Qrtpol"]),
        ("saw anna walsh", ["anna walsh"]),
        ("met Oluwaseun Adebayo", ["Oluwaseun Adebayo"]),
        ("mr adebayo waves", ["adebayo"]),
        ("Dr. Qrtpol said", ["Qrtpol"]),
        ("aunt Grace Walsh", ["Grace Walsh", "Grace Walsh"]),
        ("aunt anna and mrs. qrtpol", ["anna", "qrtpol"]),
        ("my name is qrtpol", ["qrtpol"]),
        ("told anna about it", ["anna"]),
        ("my neighbour Anna Roof", ["Anna Roof", "Anna Roof"]),
        ("and then anna says no", ["anna"]),
    ],
)
def test_a_name_is_found(text, names):
    assert find(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Grace under pressure",
        "saw Anna",
        "grace walsh",  # in lower case, of a word
        "anna qrtpol",  # in lower case, of a word that nobody knows
        "Grace, Walsh",
        "Grace walsh",
        "Grace Walks",  # made of a word
        "Carried Walsh",
        "GRACE WALSH",
        "ZBIGNIEW",
        "Dr Will is in",
        "my name is will",
        "qrtpol says no",
        "retold anna",
        "dr grace",
        "Mr. Roofer, Mr Road",
        "",
    ],
)
def test_what_may_be_something_else_is_no_name(text):
    assert find(text) == []


@pytest.mark.parametrize(
    ("text", "name", "is_one"),
    [
        ("off Anna Street", "Anna", True),
        ("Abbey Road", "Abbey Road", True),
        ("Grace Park", "Grace Park", False),
        ("Anna roadside", "Anna", False),
        ("Anna", "Anna", False),
    ],
)
def test_a_street_or_the_like_is_a_place(text, name, is_one):
    start = text.index(name)

    assert is_place(text, start, start + len(name)) is is_one


@pytest.mark.parametrize(
    ("text", "name", "is_none"),
    [
        ("the Lakers lost", "Lakers", True),
        ("is it a Jack Russell?", "a Jack Russell", True),
        ("Mark the date", "Mark", True),
        ("So late! Rob a bank", "Rob", True),
        ("then Mark the baker came", "Mark", False),
        ("Mark says hi", "Mark", False),
        ("Mr. Walsh the baker", "Walsh", False),
        ("met a siobhan walsh", "siobhan walsh", False),
        ("Anna Walsh to the rescue", "Anna Walsh", False),
    ],
)
def test_what_follows_an_article_or_is_a_common_word_names_no_person(text, name, is_none):
    start = text.index(name)

    assert is_no_person(text, start, start + len(name)) is is_none


@given(
    st.lists(st.sampled_from(["Grace", "Walsh", "zbigniew", "mr", ".", " ", "'s", "-", "ß", "\u0301", "I", "\n"])).map(
        "".join
    )
)
def test_spans_are_in_the_text_and_begin_and_end_with_a_letter(text):
    for start, end in find_listed_names(text, LISTS):
        assert 0 <= start < end <= len(text)
        assert text[start].isalpha()
        assert text[end - 1].isalpha()


@pytest.mark.parametrize("text", ["a-" * 40_000, "mr " * 30_000, "Grace Walsh " * 8_000, "x" * 80_000, "'s" * 40_000])
def test_long_texts_take_linear_time(text):
    """Four times the text takes sixteen times as long where time grows with the square."""
    part, whole = (measure_cpu_time(some) for some in (text[: len(text) // 4], text))

    assert whole < 10 * max(part, 0.1)


def measure_cpu_time(text):
    """The least of three times of this thread: other threads of the process and a collection of garbage count once."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        find_listed_names(text, LISTS)
        times.append(time.thread_time() - start)
    return min(times)
