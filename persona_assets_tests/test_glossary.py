"""No name in the package has a word that `docs/glossary.md` lists as not to be used."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "persona_assets"
HEADING = "## Words not to use in names"


def read_refused():
    """The words in the first column of the glossary's list of refused words."""
    section = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split(HEADING)[1]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return {word.strip() for row in rows[1:] for word in row.split(",")}


def find_names(path, tree):
    """The names of a module and of its functions and classes."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [path.stem, *(node.name for node in ast.walk(tree) if isinstance(node, defined))]


def split_name(name):
    return {word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)}


def test_the_glossary_refuses_words():
    assert {"sift", "weigh", "spell", "fold", "room"} <= read_refused()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_name_has_a_word_that_the_glossary_refuses(path):
    names = find_names(path, ast.parse(path.read_text(encoding="utf-8")))

    assert {name: found for name in names if (found := split_name(name) & read_refused())} == {}


@pytest.mark.parametrize("code", ["def sift_posts(): ...", "class ToldOnce: ...", "async def _spell(): ..."])
def test_a_refused_word_is_detected(code):
    names = find_names(Path("filter.py"), ast.parse(code))

    assert set().union(*map(split_name, names)) & read_refused()
