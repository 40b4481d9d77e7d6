"""Lists of names are made from those of Faker and zxcvbn; tests marked `names` read the packages themselves."""

import sys

import pytest

from persona_assets.personal_data.name_lists import PACKAGES, load_name_lists, normalise_name

PROVIDERS = {
    "pl_PL": "first_names_female = ('Żaneta', 'Ewa', 'Rose'); last_names = {'Nowak': 3, 'Van Dyk': 1}",
    "cs_CZ": "first_names = ['Ewa', 'Jan', 'Will', 'D.']; last_name_male = 'x'; last_names = (('Svoboda', 2), 'Ek')",
}
WORDS = {
    "us_tv_and_film": ["will"],
    "english_wikipedia": ["nowak"],
    "passwords": ["monday"],
    "male_names": ["john"],
    "female_names": ["rose"],
    "surnames": ["smith", "svoboda"],
}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Small packages in the form of both."""
    person = tmp_path / "faker" / "providers" / "person"
    for country, lists in PROVIDERS.items():
        (person / country).mkdir(parents=True)
        body = "\n".join(f"    {line.strip()}" for line in lists.split(";"))
        (person / country / "__init__.py").write_text(f"class Provider:\n{body}\n", encoding="utf-8")
    for folder in (person, person.parent, person.parent.parent):
        (folder / "__init__.py").touch()
    (tmp_path / "zxcvbn").mkdir()
    (tmp_path / "zxcvbn" / "__init__.py").touch()
    (tmp_path / "zxcvbn" / "frequency_lists.py").write_text(f"FREQUENCY_LISTS = {WORDS}\n", encoding="utf-8")
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[name]


@pytest.mark.usefixtures("packages")
def test_names_are_sorted_out_by_words_and_countries():
    lists = load_name_lists()

    assert lists.first == {"zaneta", "ewa", "jan", "rose", "john"}
    assert lists.first_no_word == lists.first
    assert lists.last == {"van", "dyk", "svoboda"}
    assert (lists.last_no_word, lists.last_alone) == ({"svoboda"}, set())
    assert lists.alone == {"zaneta"}  # Ewa is short, Rose American, Will a word
    assert {"will", "monday", "smith", "john"} <= lists.known


@pytest.mark.parametrize(("name", "normalised"), [("Hương", "huong"), ("Siân's", "sian"), ("O’Brien’s", "o’brien")])  # noqa: RUF001 - as phones write it
def test_a_name_is_compared_without_accents_and_possessive(name, normalised):
    assert normalise_name(name) == normalised


@pytest.mark.names
def test_the_packages_have_names_of_many_countries():
    for package in PACKAGES:
        pytest.importorskip(package)
    lists = load_name_lists()

    assert len(lists.alone) > 8_000
    assert {"zbigniew", "siobhan", "priya", "ngozi", "linh"} <= lists.first
    assert not {"will", "may", "hope", "best"} & lists.first
