import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.common.columns import required_column
from persona_assets.forgotten_accounts.accounts import Accounts
from persona_assets.forgotten_accounts.rows import has_text, names_accounts, remove_account_rows
from persona_assets_tests.assets.raw_events.builders import ALICE, BOB

CAROL = "did:plc:" + "c" * 24
POST, POST_BY_ALICE = f"at://{BOB}/app.bsky.feed.post/1", f"at://{ALICE}/app.bsky.feed.post/1"
CLEARED = "at://forgotten/app.bsky.feed.post/forgotten"
ACCOUNTS = Accounts([ALICE])


def events(*rows):
    made = [{"event_time_us": 1, "kind": "commit", "user_id": BOB, **row} for row in rows]
    return pa.Table.from_pylist(made, schema=tables.RAW_EVENTS)


def actions(*rows):
    return pa.Table.from_pylist([{"event_time_us": 1, "user_id": BOB, **row} for row in rows], tables.USER_ACTIONS)


def test_own_rows_and_likes_and_follows_of_the_account_are_removed():
    table = events(
        {"user_id": ALICE, "text": "mine"},
        {"subject_uri": POST_BY_ALICE},
        {"subject_did": ALICE},
        {"subject_uri": POST},
        {"subject_did": CAROL},
    )

    done = remove_account_rows(table, ACCOUNTS)

    assert (done.own, done.about, done.references) == (1, 2, 0)
    assert done.table.to_pylist() == table.to_pylist()[3:]


def test_replies_and_quotes_of_others_stay_without_their_reference():
    table = events({"parent_uri": POST_BY_ALICE, "root_uri": POST, "text": "no"}, {"quoted_uri": POST_BY_ALICE})

    done = remove_account_rows(table, ACCOUNTS)

    assert (done.own, done.about, done.references) == (0, 0, 2)
    assert [(row["parent_uri"], row["root_uri"], row["quoted_uri"]) for row in done.table.to_pylist()] == [
        (CLEARED, POST, None),
        (None, None, CLEARED),
    ]


def test_of_actions_messages_stay_and_others_go_with_their_target():
    about = {"target_uri": POST_BY_ALICE, "target_user_id": ALICE}
    table = actions({"action": "reply", "parent_uri": POST_BY_ALICE, **about}, {"action": "quote", **about}, *(
        {"action": action, **about} for action in ("like", "follow", "block", "unlike")
    ))  # fmt: skip

    done = remove_account_rows(table, ACCOUNTS)

    assert (done.own, done.about, done.references) == (0, 4, 2)
    assert [(row["action"], row["target_uri"], row["target_user_id"]) for row in done.table.to_pylist()] == [
        ("reply", CLEARED, None),
        ("quote", CLEARED, None),
    ]


def test_mentions_in_texts_lists_and_json_are_replaced():
    table = events(
        {"text": f"ask {ALICE}!", "langs": ["en", ALICE], "preference_json": f'{{"entity":"{ALICE}"}}'},
        {"text": "hello"},
    )

    done = remove_account_rows(table, ACCOUNTS)

    assert done.references == 1
    assert done.table.to_pylist()[0] | {"event_time_us": 0} == table.to_pylist()[0] | {
        "event_time_us": 0,
        "text": "ask [DID]!",
        "langs": ["en", "[DID]"],
        "preference_json": '{"entity":"[DID]"}',
    }


def test_a_rejected_line_that_names_the_account_is_removed():
    rows = [
        {"source_file": "a", "line_number": 1, "reason": "not JSON", "raw": raw, "raw_bytes": len(raw)}
        for raw in (b'{"did":"' + ALICE.encode(), b"\xff", BOB.encode())
    ]
    table = pa.Table.from_pylist(rows, schema=tables.REJECTED_LINES)

    assert remove_account_rows(table, ACCOUNTS).table.to_pylist() == rows[1:]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.string(), ALICE, None),
        (pa.dictionary(pa.int32(), pa.string()), ALICE, None),
        (pa.dictionary(pa.int32(), pa.string()), f"of {ALICE}", "of [DID]"),
        (pa.list_(pa.list_(pa.string())), [[], ["a", POST_BY_ALICE]], [[], ["a", "[DID]"]]),
        (pa.struct([("by", pa.string())]), {"by": ALICE}, {"by": "[DID]"}),
        (
            pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())])),
            [None, {"role": "user", "content": f"of {ALICE}"}, {"role": None, "content": "a"}],
            [None, {"role": "user", "content": "of [DID]"}, {"role": None, "content": "a"}],
        ),
        (pa.binary(), ALICE.encode(), b"[DID]"),
    ],
)
def test_columns_of_any_type_lose_their_references(kind, value, expected):
    table = pa.table({"number": [1, 2, 3], "any": pa.array([None, value, None], kind)})

    done = remove_account_rows(table, ACCOUNTS)

    assert names_accounts(table, ACCOUNTS)
    assert not names_accounts(done.table, ACCOUNTS)
    assert done.table.schema == table.schema
    assert done.table["any"].to_pylist() == [None, expected, None]


def test_a_value_that_may_not_be_empty_is_replaced():
    schema = pa.schema([required_column("by", pa.string(), "Who.")])

    assert remove_account_rows(pa.table([[ALICE, BOB]], schema=schema), ACCOUNTS).table["by"].to_pylist() == [
        "[DID]",
        BOB,
    ]


def test_chunks_without_the_account_stay_as_they_are():
    mine = {"user_id": ALICE}
    table = pa.concat_tables([events({"text": "a"}), events(mine), events({"text": "b"}, mine)])

    done = remove_account_rows(table, ACCOUNTS).table

    assert [chunk.to_pylist() for chunk in done["text"].chunks] == [["a"], ["b"]]
    assert remove_account_rows(done, ACCOUNTS).table is done
    assert remove_account_rows(table.slice(0, 0), ACCOUNTS).table.num_rows == 0


def test_types_with_texts_are_known():
    assert has_text(pa.list_(pa.struct([("a", pa.dictionary(pa.int8(), pa.string()))])))
    assert not has_text(pa.list_(pa.float16(), 3))


USERS = st.sampled_from([ALICE, BOB, CAROL])
URIS = st.one_of(st.none(), USERS.map(lambda user: f"at://{user}/app.bsky.feed.post/1"))


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "user_id": USERS,
                "parent_uri": URIS,
                "subject_uri": URIS,
                "subject_did": st.one_of(st.none(), USERS),
                "text": st.one_of(st.none(), USERS, st.just("hello")),
                "langs": st.one_of(st.none(), st.lists(st.sampled_from(["en", ALICE]), max_size=2)),
            }
        ),
        max_size=6,
    ),
    st.integers(0, 2),
)
def test_rows_before_are_those_after_and_those_removed(rows, start):
    # Otherwise a row of which something was taken out can be equal to another one.
    table = events(*({"event_time_us": number, **row} for number, row in enumerate(rows))).slice(start)

    done = remove_account_rows(table, ACCOUNTS)

    assert table.num_rows == done.table.num_rows + done.own + done.about
    assert done.own == sum(row["user_id"] == ALICE for row in table.to_pylist())
    assert ALICE not in repr(done.table.to_pylist())
    unnamed = [row for row in table.to_pylist() if ALICE not in repr(row)]
    assert [row for row in done.table.to_pylist() if row in unnamed] == unnamed
