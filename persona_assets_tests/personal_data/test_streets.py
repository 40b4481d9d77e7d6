import pytest

from persona_assets.personal_data.kinds import merge_spans
from persona_assets.personal_data.streets import find_postal_addresses


@pytest.mark.parametrize(
    "address",
    [
        "14 Harbour Lane, Falmouth TR11 3XY",
        "1600 Larkspur Ave Apt 4B, Portland, OR 97205",
        "Flat 3, 19 Kelvin Road",
        "310 W 42nd St",
        "44 Quarry Hill Road",
        "12 maple street",
        "PO Box 12",
        "Lindenstra\u00dfe 42, 10969 Berlin",
        "12 rue des Tanneurs, 69005 Lyon",
        "Calle de Alcal\u00e1 21",
        "EC1A 1BB",
    ],
)
def test_addresses_are_found_whole(address):
    text = f"it is {address}, they say"

    assert [text[span.start : span.end] for span in merge_spans(find_postal_addresses(text))] == [address]


@pytest.mark.parametrize(
    "text",
    [
        "3 people on the road",
        "I walk 20 minutes every way",
        "a street with no name",
        "2 miles of dirt road",
        "3 court cases",
        "in 2024 Saint Peter won",
        "1984 is a book",
        "12 drive throughs",
    ],
)
def test_sentences_have_no_address(text):
    assert list(find_postal_addresses(text)) == []
