import pyarrow as pa
import pytest

from persona_assets.consent.policy import LEFT_OUT, find_users_to_leave_out, find_users_without_allowance
from persona_assets.consent.purposes import PURPOSES, PURPOSES_OF
from persona_assets_tests.consent.builders import consents


def reasons(table):
    assert table.schema == LEFT_OUT
    assert table["user_id"].to_pylist() == sorted(table["user_id"].to_pylist())
    return dict(zip(*table.to_pydict().values(), strict=True))


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_refusal_keeps_out_and_an_allowance_and_silence_do_not(purpose):
    said = consents(
        [
            {"user_id": "no", f"{purpose}_allow": False},
            {"user_id": "yes", f"{purpose}_allow": True},
            {"user_id": "silent"},
        ]
    )

    assert reasons(find_users_to_leave_out(said, [purpose], {})) == {"no": f"refuses {purpose}"}


def test_a_refusal_of_another_purpose_keeps_nobody_out():
    assert (
        reasons(find_users_to_leave_out(consents([{"user_id": "a", "archive_allow": False}]), ["training"], {})) == {}
    )


def test_an_explicit_refusal_counts_whatever_undefined_means():
    said = consents([{"user_id": "a", "training_allow": False}])

    for meaning in ("allow", "deny"):
        assert reasons(find_users_to_leave_out(said, ["training"], {"training": meaning})) == {"a": "refuses training"}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("active", None),
        (None, None),
        ("desynchronized", None),
        ("throttled", None),
        ("deleted", "account deleted"),
        ("takendown", "account taken down"),
        ("deactivated", "account deactivated"),
        ("suspended", "account suspended"),
        ("inactive", "account inactive"),
        ("other", "account inactive"),
    ],
)
def test_accounts_that_are_gone_are_out_unless_asked_otherwise(status, reason):
    said = consents([{"user_id": "a", "account_status": status}])

    assert reasons(find_users_to_leave_out(said, [], {})) == ({"a": reason} if reason else {})
    assert reasons(find_users_to_leave_out(said, ["training"], {}, with_accounts=False)) == {}


def test_a_refusal_is_given_as_reason_before_the_status_of_the_account():
    said = consents([{"user_id": "a", "embedding_allow": False, "account_status": "deleted"}])

    assert reasons(find_users_to_leave_out(said, ["embedding"], {})) == {"a": "refuses embedding"}


def test_an_account_that_hides_from_logged_out_people_is_in_no_release():
    said = consents([{"user_id": "a", "no_unauthenticated": True}, {"user_id": "b", "bot": True}])

    assert reasons(find_users_to_leave_out(said, PURPOSES_OF["release"], {})) == {"a": "hidden from logged-out people"}
    assert reasons(find_users_to_leave_out(said, PURPOSES_OF["embeddings"], {})) == {}


def test_silence_keeps_out_where_undefined_means_deny():
    said = consents([{"user_id": "yes", "training_allow": True}, {"user_id": "silent"}])
    reason = "does not say that it allows training"

    assert reasons(find_users_to_leave_out(said, ["training"], {"training": "deny"})) == {"silent": reason}
    ids = pa.chunked_array([["yes", "new", "new", "silent"]])
    without = find_users_without_allowance(ids, said, ["training", "no_unauthenticated"], {"training": "deny"})
    assert reasons(without) == {"silent": reason, "new": reason}
    assert reasons(find_users_without_allowance(ids, said, ["training"], {"training": "allow"})) == {}
    assert reasons(find_users_without_allowance(ids, said, ["training"], {"archive": "deny"})) == {}


def test_the_first_purpose_that_an_account_lacks_is_the_reason():
    said = consents([{"user_id": "a", "training_allow": True}])
    deny = {"training": "deny", "bulk_dataset": "deny"}

    found = find_users_without_allowance(pa.array(["a", "b"]), said, ["training", "bulk_dataset"], deny)

    assert reasons(found) == {
        "a": "does not say that it allows bulk_dataset",
        "b": "does not say that it allows training",
    }


def test_of_no_accounts_none_is_found():
    nobody = consents([])

    assert reasons(find_users_to_leave_out(nobody, PURPOSES_OF["release"], {"training": "deny"})) == {}
    found = find_users_without_allowance(pa.array([], pa.string()), nobody, ["training"], {"training": "deny"})
    assert reasons(found) == {}
