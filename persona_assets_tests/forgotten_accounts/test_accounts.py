import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets.errors import AccountIdError
from persona_assets.forgotten_accounts.accounts import PLACEHOLDER, Accounts, parse_account_ids
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB

WEB, HASH = "did:web:example.com", "d41d8cd98f00b204e9800998ecf8427e"
ENCODED = ALICE.replace(":", "%3A")
POST_URI = f"at://{ALICE}/app.bsky.feed.post/3k"
LINK = f"https://bsky.app/profile/{ENCODED}/post/3k"
NAMING = [ALICE, f"see {ALICE}.", POST_URI, LINK, f"{BOB}{ALICE}", ENCODED.lower()]
OTHERS = ["", "hello", BOB, f"at://{BOB}/app.bsky.feed.post/3k", ALICE[:-1], "did:plc:", "plc:"]


def test_ids_are_read_from_lines_without_comments_and_repetitions():
    assert parse_account_ids(["# people", ALICE, "", f" {WEB} ", ALICE]) == [ALICE, WEB]


@pytest.mark.parametrize("line", ["alice.bsky.social", "did:plc", "at://did:plc:x", "@alice"])
def test_an_invalid_id_is_named_by_its_number_alone(line):
    with pytest.raises(AccountIdError, match="id 2 is no account id") as error:
        parse_account_ids([ALICE, line])
    assert line not in str(error.value).replace("did:plc:", "")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_values_that_name_an_account_are_found(kind):
    values = pa.array(["x", *NAMING, None, *OTHERS, "y"], kind)

    found = Accounts([ALICE]).find(values.slice(1, len(values) - 2))

    assert found.tolist() == [True] * len(NAMING) + [False] * (len(OTHERS) + 1)


def test_an_id_across_two_values_is_not_found():
    assert Accounts([ALICE]).find(pa.array([ALICE[:12], ALICE[12:]])).tolist() == [False, False]
    assert Accounts([WEB]).find(pa.array([WEB[:12], WEB[12:]])).tolist() == [False, False]


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        (WEB, True),
        (f"by {WEB}.", True),
        (f"{WEB}: hello", True),
        (f"at://{WEB}/app.bsky.feed.post/1", True),
        ("did%3Aweb%3Aexample.com", True),
        ("did:web:example.com.evil.org", False),
        ("did:web:example.com:bob", False),
        ("did:web:example.com%3A3000", False),
        (f"x {HASH} y", True),
        (f"{HASH}0", False),
        (f"0{HASH}", False),
    ],
)
def test_other_ids_end_where_an_id_ends(text, is_named):
    accounts = Accounts([WEB, HASH])

    assert accounts.find(pa.array(["x", text])).tolist() == [False, is_named]
    assert accounts.are_named_in(text.encode()) is is_named
    assert (PLACEHOLDER in accounts.replace(text)) is is_named


def test_a_reference_is_replaced_with_the_record_that_it_names():
    accounts = Accounts([ALICE])

    assert accounts.replace(f"look: {POST_URI}, by {ALICE}.") == "look: [DID], by [DID]."
    assert accounts.replace(f"{LINK}?") == "https://bsky.app/profile/[DID]?"
    assert accounts.replace_in_bytes(b"\xff" + ALICE.encode()) == b"\xff[DID]"


def test_the_uri_of_a_record_becomes_one_of_nobody_in_the_same_collection():
    accounts = Accounts([ALICE])

    assert accounts.anonymise_uri(POST_URI) == "at://forgotten/app.bsky.feed.post/forgotten"
    assert accounts.anonymise_uri(f"at://{ALICE}") == "at://forgotten"
    assert accounts.anonymise_uri(f"at://{ALICE}/{ALICE}/1") == "at://forgotten/[DID]"
    assert accounts.anonymise_uri(f"at://{BOB}/app.bsky.feed.post/{ALICE}") == f"at://{BOB}/app.bsky.feed.post/[DID]"


def test_ids_of_one_form_may_follow_each_other():
    assert Accounts([WEB]).find(pa.array([WEB, WEB, f"{WEB}x", WEB])).tolist() == [True, True, False, True]


def test_accounts_do_not_show_their_ids():
    assert ALICE not in repr(Accounts([ALICE]))
    assert ALICE in Accounts([ALICE])
    assert len(Accounts([ALICE, BOB])) == 2


@given(
    st.lists(
        st.sampled_from(
            [ALICE, ENCODED, BOB, WEB, HASH, "at://", "/", "plc:", "did:", "a", ":", ".", "%3A", "é", " ", "0"]
        ),
        max_size=12,
    )
)
def test_nothing_is_found_in_a_text_after_replacing(parts):
    accounts = Accounts([ALICE, WEB, HASH])
    text = "".join(parts)

    assert accounts.find(pa.array([text])).tolist() == [accounts.are_named_in(text.encode())]
    assert not accounts.are_named_in(accounts.replace(text).encode())
    assert not accounts.are_named_in(accounts.anonymise_uri(text).encode())
    assert ALICE not in accounts.replace(text)


def test_many_accounts_are_found_as_one_is():
    names = [f"did:plc:{letters * 12}" for letters in ("ab", "cd", "ef", "gh", "ij")]
    accounts = Accounts(names[:4])

    assert accounts.find(pa.array(names)).tolist() == [True] * 4 + [False]
