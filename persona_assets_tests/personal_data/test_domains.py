import pytest

from persona_assets.personal_data.domains import (
    count_domain_characters,
    is_ambiguous_top_level_domain,
    is_top_level_domain,
)


@pytest.mark.parametrize(
    "host", ["example.com", "quiet.blog", "a.co.uk", "weather.gov", "x1.it", "repubblicanews.it", "bbc.co.uk"]
)
def test_domains_are_whole(host):
    assert count_domain_characters(host, has_path=False) == len(host)


@pytest.mark.parametrize(
    "words",
    ["node.js", "main.py", "readme.md", "know.it", "fine.So", "end.The", "asp.net", "ASP.NET", "oh.my.god", "what.no"],
)
def test_words_and_files_are_no_domains(words):
    assert count_domain_characters(words, has_path=False) == 0


def test_a_sentence_that_follows_is_no_part_of_a_domain():
    assert count_domain_characters("example.com.Then", has_path=False) == len("example.com")


def test_a_path_makes_a_domain_of_a_word():
    assert count_domain_characters("about.me", has_path=True) == 8
    assert count_domain_characters("about.mee", has_path=True) == 0


def test_top_level_domains_are_known_in_any_case():
    assert is_top_level_domain("COM")
    assert is_top_level_domain("xn--p1ai")
    assert not is_top_level_domain("js")
    assert is_ambiguous_top_level_domain("It")
    assert not is_ambiguous_top_level_domain("com")
