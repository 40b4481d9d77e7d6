from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_assets.common.lexicon import LIKE, POST
from persona_assets.consent.resolve import resolve_statements
from persona_assets.consent.schemas import CONSENT_RECORDS, CONSENTS
from persona_assets_tests.consent.builders import ALICE, BOB, account, label, said, withdrawn


def resolve(days, folder, entities=("did:plc:us", "lab.example")):
    """Resolve lists of statements, one list a day."""
    files = []
    for number, rows in enumerate(days):
        file = folder / f"2025-03-{number + 1:02}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=CONSENT_RECORDS), file)
        files.append(str(file))
    dataset = pads.dataset(files, schema=CONSENT_RECORDS)
    found = resolve_statements(dataset, entities=entities, memory_limit="512MB", scratch=folder)
    return found, pq.read_table(found.consents)


@pytest.fixture
def resolve_one(tmp_path):
    """Resolve statements of Alice, and return the row of hers without what is null."""

    def resolve_rows(*rows, **options):
        _, table = resolve([list(rows)], tmp_path, **options)
        assert table.schema.equals(CONSENTS)
        (row,) = table.to_pylist()
        return {name: value for name, value in row.items() if value is not None}

    return resolve_rows


def test_what_an_account_says_is_in_its_row(resolve_one):
    row = resolve_one(
        said("training", allow=False, at=5, updated_at_us=3),
        said("archive", allow=True, at=6, kind="user_intents"),
        label(no_unauthenticated=True, at=7),
        account("takendown", at=8),
    )

    assert row == {
        "user_id": ALICE,
        "training_allow": False,
        "training_record": "at://alice/ai_preference/self",
        "training_time_us": 3,
        "archive_allow": True,
        "archive_record": "at://alice/user_intents/self",
        "archive_time_us": 6,
        "no_unauthenticated": True,
        "bot": False,
        "self_labels_time_us": 7,
        "account_status": "takendown",
        "account_time_us": 8,
    }


@pytest.mark.parametrize("later", [True, False])
def test_the_later_state_of_a_record_counts_in_whatever_order_the_days_are_read(tmp_path, later):
    days = [[said("training", allow=not later, at=1)], [said("training", allow=later, at=2)]]

    for ordered in (days, days[::-1], [*days, *days]):
        _, table = resolve(ordered, tmp_path)
        assert table["training_allow"].to_pylist() == [later]


def test_a_deleted_record_takes_back_what_it_said_and_leaves_the_other_records(resolve_one):
    row = resolve_one(
        said("training", allow=False, at=1),
        said("embedding", allow=False, at=1),
        withdrawn(at=2),
        said("training", allow=True, at=1, key="3kabc"),
    )

    assert row["training_allow"] is True
    assert "embedding_allow" not in row


def test_an_update_takes_back_what_it_does_not_repeat(resolve_one):
    row = resolve_one(said("training", allow=False, at=1), said("embedding", allow=False, at=2))

    assert row["embedding_allow"] is False
    assert "training_allow" not in row


def test_a_deletion_that_arrives_on_an_earlier_day_still_counts(tmp_path):
    _, table = resolve([[withdrawn(at=9)], [said("training", allow=False, at=3)]], tmp_path)

    assert table["training_allow"].to_pylist() == [None]


SCOPED = [
    # (what is said besides a global allowance, what counts)
    (("collection", POST, False), False),
    (("collection", LIKE, False), True),
    (("entity", "did:plc:us", False), False),
    (("entity", "LAB.example", False), False),
    (("entity", "other.example", False), True),
    (("unknown", None, False), False),
]


@pytest.mark.parametrize(("scoped", "expected"), SCOPED)
def test_a_scoped_refusal_counts_if_it_concerns_posts_or_us(resolve_one, scoped, expected):
    scope, value, allow = scoped

    row = resolve_one(
        said("training", allow=True, at=1),
        said("training", allow=allow, at=2, scope=scope, scope_value=value, key="3kabc"),
    )

    assert row["training_allow"] is expected


@pytest.mark.parametrize(
    ("scope", "value", "expected"),
    [
        ("collection", POST, True),
        ("collection", LIKE, False),
        ("entity", "lab.example", True),
        ("entity", "other.example", False),
        ("unknown", None, False),
    ],
)
def test_a_scoped_allowance_overrides_a_global_refusal_only_if_it_is_ours(resolve_one, scope, value, expected):
    row = resolve_one(
        said("training", allow=False, at=9),
        said("training", allow=True, at=2, scope=scope, scope_value=value, key="3kabc"),
    )

    assert row["training_allow"] is expected


def test_an_allowance_in_an_unknown_scope_alone_allows_nothing(tmp_path):
    found, table = resolve([[said("training", allow=True, scope="unknown")]], tmp_path)

    assert table["training_allow"].to_pylist() == [None]
    assert found.not_binding == {"allows, in a scope that is unknown": 1}


def test_without_an_entity_of_ours_no_statement_about_an_entity_counts(tmp_path):
    rows = [
        said("training", allow=allow, scope="entity", scope_value="did:plc:us", key=f"3k{allow}")
        for allow in (True, False)
    ]

    found, table = resolve([rows], tmp_path, entities=())

    assert table["training_allow"].to_pylist() == [None]
    assert found.not_binding == {"allows, for another entity": 1, "refuses, for another entity": 1}


def test_between_overrides_a_refusal_wins(resolve_one):
    row = resolve_one(
        said("training", allow=False, at=1, scope="collection", scope_value=POST, key="3ka"),
        said("training", allow=True, at=9, scope="entity", scope_value="did:plc:us", key="3kb"),
    )

    assert row["training_allow"] is False


@pytest.mark.parametrize("refusing", ["ai_preference", "user_intents"])
def test_a_refusal_in_either_lexicon_wins(resolve_one, refusing):
    row = resolve_one(
        *(
            said("synthetic_content", allow=kind != refusing, at=1 if kind == refusing else 9, kind=kind)
            for kind in ("ai_preference", "user_intents")
        )
    )

    assert row["synthetic_content_allow"] is False
    assert row["synthetic_content_record"] == f"at://alice/{refusing}/self"


def test_a_scoped_allowance_of_one_lexicon_does_not_override_the_other(resolve_one):
    row = resolve_one(
        said("synthetic_content", allow=False, kind="user_intents"),
        said("synthetic_content", allow=True, scope="collection", scope_value=POST, key="3ka"),
    )

    assert row["synthetic_content_allow"] is False


def test_labels_and_status_are_those_of_the_last_event(tmp_path):
    days = [
        [label(bot=True, no_unauthenticated=True, at=1), account("deactivated", at=1)],
        [label(bot=True, at=5), account("active", at=6)],
    ]

    for ordered in (days, days[::-1]):
        _, table = resolve(ordered, tmp_path)
        (row,) = table.to_pylist()
        assert (row["no_unauthenticated"], row["bot"], row["self_labels_time_us"]) == (False, True, 5)
        assert (row["account_status"], row["account_time_us"]) == ("active", 6)


def test_of_account_events_of_one_instant_the_stricter_counts(resolve_one):
    assert resolve_one(account("active"), account("deleted"))["account_status"] == "deleted"


def test_accounts_that_only_ever_were_active_need_no_row(tmp_path):
    rows = [account("active"), label(), account("active", user_id=BOB), account("deleted", user_id=BOB, at=0)]

    found, table = resolve([rows], tmp_path)

    assert table["user_id"].to_pylist() == [BOB]
    assert table["account_status"].to_pylist() == ["active"]
    assert (found.accounts, found.said) == (1, 1)


def test_an_account_whose_statements_do_not_bind_has_a_row(tmp_path):
    found, table = resolve(
        [[said("training", allow=False, scope="entity", scope_value="x"), withdrawn(key="b")]], tmp_path
    )

    assert table["training_allow"].to_pylist() == [None]
    assert (found.states, found.withdrawn) == ({"ai_preference": 2}, 1)


def test_a_time_of_the_author_orders_nothing(tmp_path):
    days = [[said("training", allow=True, at=1, updated_at_us=10**18)], [withdrawn(at=2)]]

    assert resolve(days, tmp_path)[1]["training_allow"].to_pylist() == [None]


def test_no_statements_give_an_empty_table(tmp_path):
    found, table = resolve([[]], tmp_path)

    assert table.schema.equals(CONSENTS)
    assert (len(table), found.accounts, found.said) == (0, 0, 0)


def reference(rows, entities):
    """What each account allows, computed another way: one record after the other, in plain Python."""
    states = {}
    for row in rows:
        if row["kind"] in {"ai_preference", "user_intents"}:
            states.setdefault((row["user_id"], row["kind"], row["record"]), []).append(row)
    found = {}
    for (user, kind, _), versions in states.items():
        order = lambda row: (row["event_time_us"], row["rev"] or "", row["operation"] != "delete")  # noqa: E731 - short
        last = max(map(order, versions))
        for row in versions:
            if order(row) != last or row["purpose"] is None:
                continue
            concerns = {
                "global": 0,
                "collection": 1 if row["scope_value"] == POST else None,
                "entity": 1 if row["scope_value"] in entities else None,
                "unknown": None if row["allow"] else 0,
            }[row["scope"]]
            if concerns is not None:
                found.setdefault((user, row["purpose"]), {}).setdefault(kind, []).append((concerns, row["allow"]))
    decided = {}
    for key, kinds in found.items():
        by_kind = [[allow for place, allow in ranked if place == max(ranked)[0]] for ranked in kinds.values()]
        decided[key] = all(allow for allows in by_kind for allow in allows)
    return decided


STATEMENTS = st.one_of(
    st.builds(
        lambda purpose, scope, **columns: said(purpose, scope=scope[0], scope_value=scope[1], **columns),
        st.sampled_from(["training", "synthetic_content"]),
        st.sampled_from(
            [("global", None), ("unknown", None), ("entity", "did:plc:us"), ("entity", "x"), ("collection", POST)]
        ),
        allow=st.booleans(),
        at=st.integers(1, 3),
        rev=st.sampled_from([None, "3a", "3b"]),
        key=st.sampled_from(["self", "3k"]),
        kind=st.sampled_from(["ai_preference", "user_intents"]),
        user_id=st.sampled_from([ALICE, BOB]),
    ),
    st.builds(withdrawn, at=st.integers(1, 3), key=st.sampled_from(["self", "3k"])),
)


@settings(max_examples=50)  # each opens DuckDB twice
@given(st.lists(STATEMENTS, max_size=10), st.randoms())
def test_any_order_of_statements_and_days_gives_what_plain_python_finds(tmp_path_factory, rows, random_order):
    folder = Path(tmp_path_factory.mktemp("days"))
    _, table = resolve([rows], folder)
    shuffled = rows + rows[:2]
    random_order.shuffle(shuffled)
    cut = random_order.randint(0, len(shuffled))

    _, other = resolve([shuffled[:cut], shuffled[cut:]], folder)

    assert other.equals(table)
    allowed = {
        (row["user_id"], purpose): row[f"{purpose}_allow"]
        for row in table.to_pylist()
        for purpose in ("training", "synthetic_content")
        if row[f"{purpose}_allow"] is not None
    }
    assert allowed == reference(rows, {"did:plc:us", "lab.example"})
