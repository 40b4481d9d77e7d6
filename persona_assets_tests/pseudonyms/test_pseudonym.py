"""A pseudonym stays within its scope, and says nothing about the account without the key."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.pseudonyms.key import PseudonymKey
from persona_assets.pseudonyms.pseudonym import make_pseudonyms

KEY, OTHER_KEY = PseudonymKey(bytes(range(32))), PseudonymKey(bytes(range(1, 33)))
USERS = [f"did:plc:{number:024d}" for number in range(200)]


def test_pseudonyms_are_these():
    # Computed beside with `openssl dgst -sha256 -mac HMAC`: a change of the bytes would join or part releases.
    made = make_pseudonyms(["did:plc:abc"], key=KEY, release="2027-01", scope="release")

    assert made == ["user_9d6998f9914b98cfd4f41400b63a51d4"]


def test_an_account_has_one_pseudonym_within_its_scope():
    made = make_pseudonyms(["a", "b", "a", "a"], key=KEY, release="1", scope="line", parts=["x", "x", "x", "y"])

    assert made[0] == made[2]
    assert len(set(made)) == 3
    assert all(re.fullmatch("user_[0-9a-f]{32}", one) for one in made)


def test_no_account_can_be_joined_across_scopes_releases_parts_and_keys():
    ways = [
        {"key": KEY, "release": "1", "scope": "release"},
        {"key": KEY, "release": "2", "scope": "release"},
        {"key": OTHER_KEY, "release": "1", "scope": "release"},
        {"key": KEY, "release": "1", "scope": "persona", "parts": ["7"] * len(USERS)},
        {"key": KEY, "release": "1", "scope": "persona", "parts": ["8"] * len(USERS)},
        {"key": KEY, "release": "1", "scope": "line", "parts": ["7"] * len(USERS)},
        {"key": KEY, "release": "2", "scope": "line", "parts": ["7"] * len(USERS)},
    ]
    made = [make_pseudonyms(USERS, **way) for way in ways]

    assert len({one for of_way in made for one in of_way}) == len(ways) * len(USERS)
    # Sorted by pseudonym, accounts are in another order each time: ranks cannot be joined either.
    orders = {tuple(sorted(range(len(USERS)), key=of_way.__getitem__)) for of_way in made}
    assert len(orders) == len(ways)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), unique=True, max_size=30), st.text(min_size=1))
def test_accounts_and_parts_that_differ_have_pseudonyms_that_differ(rows, release):
    users, parts = [user for user, _ in rows], [part for _, part in rows]
    made = make_pseudonyms(users, key=KEY, release=release, scope="line", parts=parts)

    assert len(set(made)) == len(rows)


def test_borders_between_inputs_cannot_be_moved():
    one = make_pseudonyms(["u"], key=KEY, release="a", scope="line", parts=["bc"])
    other = make_pseudonyms(["u"], key=KEY, release="ab", scope="line", parts=["c"])

    assert one != other


@pytest.mark.parametrize(
    "wrong",
    [
        {"release": "", "scope": "release"},
        {"release": "1", "scope": "line"},
        {"release": "1", "scope": "release", "parts": ["x"]},
        {"release": "1", "scope": "persona", "parts": []},
    ],
)
def test_missing_and_surplus_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="unit|group|part|name|shorter"):
        make_pseudonyms(["a"], key=KEY, **wrong)
