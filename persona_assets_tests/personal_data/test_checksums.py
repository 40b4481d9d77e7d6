import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.personal_data.checksums import IBAN_LENGTHS, is_card_number, is_iban, passes_luhn_test


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "378282246310005",
        "30569309025904",
        "3530111333300000",
        "2223003122003222",
        "6011000990139424",
    ],
)
def test_card_numbers_of_the_networks_are_known(number):
    assert is_card_number(number)
    assert not is_card_number(number[:-1] + str((int(number[-1]) + 1) % 10))


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number, at, change):
    checked = next(number + digit for digit in "0123456789" if passes_luhn_test(number + digit))
    at %= len(checked)
    wrong = checked[:at] + str((int(checked[at]) + change) % 10) + checked[at + 1 :]

    assert not passes_luhn_test(wrong)


def test_numbers_that_are_of_no_network_are_no_cards():
    assert passes_luhn_test("1234567812345670")
    assert not is_card_number("1234567812345670")
    assert not is_card_number("41111111111111")


@pytest.mark.parametrize(
    "value", ["GB82WEST12345698765432", "de89370400440532013000", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]
)
def test_ibans_are_checked_by_length_and_remainder(value):
    assert is_iban(value)
    assert not is_iban(value[:-1])
    assert not is_iban(value[:4] + value[5] + value[4] + value[6:]) or value[4] == value[5]


def test_iban_lengths_are_of_two_letter_countries():
    assert all(len(country) == 2 and 15 <= length <= 34 for country, length in IBAN_LENGTHS.items())
    assert len(IBAN_LENGTHS) > 75
