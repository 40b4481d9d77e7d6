from persona_assets.assets.consents.summary import (
    NO_STATUS,
    POLICY_COLUMNS,
    count_left_out,
    count_purposes,
    count_statuses,
)
from persona_assets_tests.consent.builders import consents

SAID = consents(
    [
        {"user_id": "a", "training_allow": False, "bot": True},
        {"user_id": "b", "training_allow": True, "account_status": "deleted"},
        {"user_id": "c", "no_unauthenticated": True, "account_status": "active"},
        {"user_id": "d"},
    ]
)


def test_purposes_are_counted_by_what_accounts_say():
    counts = {counted.purpose: counted[1:] for counted in count_purposes(SAID.select(POLICY_COLUMNS))}

    assert counts["training"] == (1, 1, 2)
    assert counts["archive"] == (0, 0, 4)


def test_statuses_and_labels_are_counted():
    assert count_statuses(SAID) == {
        NO_STATUS: 2,
        "deleted": 1,
        "active": 1,
        "self-label no_unauthenticated": 1,
        "self-label bot": 1,
    }
    assert count_statuses(consents([])) == {}


def test_who_is_left_out_is_counted_by_reason():
    assert count_left_out(SAID, ["training"], {}) == {"refuses training": 1, "account deleted": 1}
    assert count_left_out(SAID, ["training"], {"training": "deny"})["does not say that it allows training"] == 2
