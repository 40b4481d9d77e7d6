"""Check digits and ranges of cards and IBANs."""

from collections.abc import Mapping

# Length of an IBAN by country: ISO 13616.
IBAN_LENGTHS: Mapping[str, int] = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
        32: "LC",
    }.items()
    for country in countries.split()
}

# Lengths of card numbers by their first digits, as (first, last, lengths). The ranges of the card networks.
_CARD_RANGES: tuple[tuple[int, int, range], ...] = (
    (400000, 499999, range(13, 20)),  # Visa
    (510000, 559999, range(16, 17)),  # Mastercard
    (222100, 272099, range(16, 17)),  # Mastercard
    (340000, 349999, range(15, 16)),  # American Express
    (370000, 379999, range(15, 16)),  # American Express
    (300000, 305999, range(14, 20)),  # Diners Club
    (360000, 369999, range(14, 20)),  # Diners Club
    (380000, 399999, range(14, 20)),  # Diners Club
    (352800, 358999, range(16, 20)),  # JCB
    (600000, 699999, range(16, 20)),  # Discover, UnionPay, Maestro, RuPay
    (500000, 509999, range(16, 20)),  # Maestro
    (560000, 589999, range(16, 20)),  # Maestro
)


def is_card_number(digits: str) -> bool:
    """Return whether a string of digits is in the range of a card network and passes the Luhn test."""
    first = int(digits[:6])
    return any(
        low <= first <= high and len(digits) in lengths for low, high, lengths in _CARD_RANGES
    ) and passes_luhn_test(digits)


def passes_luhn_test(digits: str) -> bool:
    """Return whether the last of the digits is the check digit of the others by the Luhn algorithm."""
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(sum(divmod(2 * number, 10)) for number in numbers[1::2])) % 10 == 0


def is_iban(value: str) -> bool:
    """Return whether letters and digits without spaces are a valid IBAN: country, length, and remainder 1 modulo 97."""
    value = value.upper()
    if IBAN_LENGTHS.get(value[:2]) != len(value):
        return False
    return int("".join(str(int(character, 36)) for character in value[4:] + value[:4])) % 97 == 1
