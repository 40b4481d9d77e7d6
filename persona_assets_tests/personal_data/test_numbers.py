import pytest

from persona_assets.personal_data import numbers
from persona_assets.personal_data.kinds import merge_spans


def found(finder, text):
    return [text[span.start : span.end] for span in merge_spans(finder(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to GB29 NWBK 6016 1331 9268 19 now", ["GB29 NWBK 6016 1331 9268 19"]),
        ("DE89370400440532013000, thanks", ["DE89370400440532013000"]),
        ("DE89370400440532013001 XX89370400440532013000 DE8937040044053201300", []),
    ],
)
def test_ibans(text, expected):
    assert found(numbers.find_ibans, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4111-1111-1111-1111 or 4111111111111111", ["4111-1111-1111-1111", "4111111111111111"]),
        ("4111 1111 1111 1112", []),
        ("94111 1111 1111 1111 1111 1111", []),
    ],
)
def test_cards(text, expected):
    assert found(numbers.find_card_numbers, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("078-05-1120 and 457 55 5462", ["078-05-1120", "457 55 5462"]),
        ("my ssn: 078051120", ["078051120"]),
        ("078-05 1120 1078-05-1120 078051120 2078-05-11203", []),
    ],
)
def test_social_security_numbers(text, expected):
    assert found(numbers.find_ssns, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+1 (212) 555-0198 ext. 4 or 415.555.0132", ["+1 (212) 555-0198 ext. 4", "415.555.0132"]),
        ("0049 30 901820 and 07700 900123 and 06 39 98 12 34", ["0049 30 901820", "07700 900123", "06 39 98 12 34"]),
        ("call 555-0147, (617 555 0182", ["555-0147", "617 555 0182"]),
        ("+44 (0)20 7946 0991", ["+44 (0)20 7946 0991"]),
        ("2024-2025 12 345 1,299.99 500-1000 1700000000 #4155550132 9400 1000 0000 0000 0000 00", []),
        ("04 17 23 38 41 09 and 1 204 553 cases, 978-0-306-40615-7", []),
    ],
)
def test_phone_numbers(text, expected):
    assert found(numbers.find_phone_numbers, text) == expected


def test_the_hint_is_in_every_number():
    texts = [
        "DE89 3704 0044 0532 0130 00",
        "4111 1111 1111 1111",
        "078-05-1120",
        "555-0147",
        "(415) 555-0132",
        "+1 (212) 555-0198",
    ]

    assert all(numbers.HINT.search(text) for text in texts)
    assert not numbers.HINT.search("in 2024 we ran 10.5 km and lost")
