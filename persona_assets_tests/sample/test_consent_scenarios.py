"""What planted accounts do covers each purpose, kind of statement, scope and status, and is consistent in itself."""

from persona_assets.common.lexicon import AI_PREFERENCE, CONSENT_COLLECTIONS, PROFILE
from persona_assets.consent.purposes import PURPOSES
from persona_assets.consent.schemas import CONSENTS
from persona_assets.sample.consent_scenarios import AFTER, BEFORE, SCENARIOS


def test_names_are_unique_and_expected_columns_exist():
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert {*scenario.expected, *(scenario.expected_of_entity or {})} <= set(CONSENTS.names)


def test_each_purpose_is_refused_before_and_after_posts_and_allowed_once():
    said = {(column, value) for scenario in SCENARIOS for column, value in scenario.expected.items()}

    assert said >= {(f"{purpose}_allow", value) for purpose in PURPOSES for value in (True, False)}
    for collection in CONSENT_COLLECTIONS:
        times = {each.at for scenario in SCENARIOS for each in scenario.statements if each.collection == collection}
        assert times >= {BEFORE, AFTER}


def test_each_kind_of_statement_scope_and_status_is_planted():
    statements = [statement for scenario in SCENARIOS for statement in scenario.statements]
    scopes = {
        statement.record["scope"]["$type"].partition("#")[2]
        for statement in statements
        if statement.collection == AI_PREFERENCE and "scope" in (statement.record or {})
    }

    assert {statement.collection for statement in statements if not statement.status} == {*CONSENT_COLLECTIONS, PROFILE}
    assert {statement.operation for statement in statements} == {"create", "update", "delete"}
    assert scopes == {"globalScope", "entityScope", "collectionScope", "regionScope"}
    statuses = {statement.status for statement in statements if statement.status}
    assert statuses == {"active", "deactivated", "suspended", "takendown", "deleted"}
    assert any(scenario.deletes_posts for scenario in SCENARIOS)


def test_statements_of_a_scenario_are_in_order_of_time():
    for scenario in SCENARIOS:
        times = [statement.at for statement in scenario.statements]
        assert times == sorted(times), scenario.name
