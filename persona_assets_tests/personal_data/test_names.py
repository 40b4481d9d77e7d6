"""Names are the persons that a spaCy model finds, with their titles. Tests marked `names` load the model."""

from types import SimpleNamespace

import pytest

from persona_assets.errors import ModelError
from persona_assets.personal_data import names, replace_personal_data
from persona_assets.personal_data.kinds import Span
from persona_assets.personal_data.name_lists import PACKAGES
from persona_assets.personal_data.names import MODELS, load_name_finder, load_name_finder_if_installed, make_name_finder
from persona_assets_tests.personal_data.test_name_evidence import LISTS
from persona_assets_tests.scored_posts import read_posts, score


def pipe_of(*persons, label="PERSON"):
    """A pipeline that knows some persons."""

    def pipe(texts):
        for text in texts:
            places = [(text.find(person), len(person)) for person in persons if person in text]
            yield SimpleNamespace(
                ents=[SimpleNamespace(start_char=at, end_char=at + length, label_=label) for at, length in places]
            )

    return pipe


@pytest.mark.parametrize(
    ("text", "person", "expected"),
    [
        ("I saw Anna Lind today", "Anna Lind", "Anna Lind"),
        ("so Dr. Anna Lind came", "Anna Lind", "Dr. Anna Lind"),
        ("my uncle Bob", "Bob", "uncle Bob"),
        ("Anna's dog", "Anna's", "Anna"),
        ("alarm Bob", "Bob", "Bob"),
    ],
)
def test_a_name_is_found_with_its_title(text, person, expected):
    ((found,),) = make_name_finder(pipe_of(person))([text])

    assert text[slice(*found)] == expected


@pytest.mark.parametrize("person", ["Nf3 Nc6", "oh.my.god", "x_y", "std::move", "...", "Grandmother"])
def test_what_names_nobody_is_no_name(person):
    assert make_name_finder(pipe_of(person))([f"a {person} b"]) == [[]]


def test_other_entities_are_no_names():
    assert make_name_finder(pipe_of("Paris", label="GPE"))(["in Paris"]) == [[]]


def test_long_texts_are_searched_in_pieces_and_whole():
    text = "." * 12_000 + "Anna" + "." * 100
    (found,) = make_name_finder(pipe_of("Anna"))([text])

    assert [text[slice(*span)] for span in found] == ["Anna"]


def test_names_of_a_model_and_of_lists_are_joined():
    text = "my friend Zbigniew Lind and Anna Nowak, off Abbey Road"
    (found,) = make_name_finder(pipe_of("Lind", "Anna", "Abbey"), LISTS)([text])

    assert [text[slice(*span)] for span in found] == ["Zbigniew Lind", "Anna Nowak"]


def test_of_a_word_with_a_hyphen_the_whole_is_found():
    (found,) = make_name_finder(pipe_of("Hyun"))(["so Hyun-woo's here"])

    assert found == [(3, 11)]


def test_with_lists_what_a_model_finds_after_an_article_is_no_name():
    assert make_name_finder(pipe_of("Lakers"), LISTS)(["the Lakers lost"]) == [[]]


def test_a_missing_model_is_named():
    with pytest.raises(ModelError, match="pip install"):
        load_name_finder(["no_such_model"])


def test_missing_lists_are_named(monkeypatch):
    def load():
        raise ModuleNotFoundError(name="faker")

    monkeypatch.setattr(names, "load_name_lists", load)
    monkeypatch.setattr(names, "_load_model", lambda _: SimpleNamespace(pipe=pipe_of("Anna")))

    with pytest.raises(ModelError, match="faker.*pip install"):
        load_name_finder(["a_model"])


@pytest.mark.names
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "file", "cased", "lower", "alarms"),
    [
        (MODELS[0], "posts_own.jsonl", 0.98, 0.98, 0.02),
        (MODELS[0], "posts_other.jsonl", 0.91, 0.87, 0.07),
        (MODELS[0], "posts_names.jsonl", 0.93, 0.7, 0.25),
        (MODELS[0], "posts_traps.jsonl", 0.9, 0.78, 0.27),
        (MODELS[1], "posts_own.jsonl", 0.95, 0.6, 0.02),
    ],
)
def test_models_and_lists_find_names(model, file, cased, lower, alarms):
    for package in (model, *PACKAGES):
        pytest.importorskip(package)
    posts = read_posts(file)
    find_names = load_name_finder([model])

    def find_spans(texts):
        return [[Span(*span, "name") for span in found] for found in find_names(texts)]

    named = [post._replace(spans=[span for span in post.spans if span.kind == "name"]) for post in posts]
    in_lower_case = [post for post in named if post.spans and post.text[slice(*post.spans[0][:2])].islower()]
    in_capitals = [post for post in named if post.spans and post not in in_lower_case]
    harmless = [post for post in posts if not post.spans]

    assert score(in_capitals, find_spans).recall(["name"]) >= cased
    assert score(in_lower_case, find_spans).recall(["name"]) >= lower
    assert score(harmless, find_spans).alarms < alarms * len(harmless)


@pytest.mark.names
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_are_removed_beside_structured_kinds():
    for package in (MODELS[1], *PACKAGES):
        pytest.importorskip(package)

    assert replace_personal_data(["Ingrid Halvorsen wrote to a@b.org"], names=load_name_finder([MODELS[1]])).texts == [
        "[NAME] wrote to [EMAIL]"
    ]


def test_without_a_model_there_is_no_name_finder_and_with_one_there_is(monkeypatch):
    monkeypatch.setattr(names, "MODELS", ("no_such_model",))
    assert load_name_finder_if_installed() is None

    finder = make_name_finder(pipe_of("Anna"))
    monkeypatch.setattr(names, "MODELS", ("no_such_model", "json"))
    monkeypatch.setattr(names, "PACKAGES", ("json", "no_such_lists"))
    assert load_name_finder_if_installed() is None

    monkeypatch.setattr(names, "PACKAGES", ("json",))
    monkeypatch.setattr(names, "load_name_finder", lambda: finder)
    assert load_name_finder_if_installed() is finder
