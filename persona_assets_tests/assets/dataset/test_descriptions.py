"""What the gate measured is on the card, each figure with whether it passed."""

from persona_assets.assets.dataset.descriptions import list_audit_figures
from persona_assets.assets.dataset.gate import GateMeasures
from persona_assets.privacy import GateCounts
from persona_assets_tests.assets.dataset.builders import OPTIONS
from persona_assets_tests.privacy.builders import audit

PASSED = GateMeasures(0, 0, 0, 0, 0, 20, (), {"users": 5, "texts": 6}, audit())


def test_each_measure_has_a_figure():
    passed = [figure.passed for figure in list_audit_figures(PASSED, OPTIONS)]
    assert passed[:6] == [True] * 6
    assert set(passed[6:]) == {None}
    failed = GateMeasures(1, 2, 3, 4, 5, 20, ("5 users are in more than one split",), {"users": 5}, audit())
    assert [figure.passed for figure in list_audit_figures(failed, OPTIONS)][:6] == [False] * 6
    assert list_audit_figures(failed, OPTIONS)[5].value == "5 users are in more than one split, of 5 users"


def test_kept_texts_are_not_said_to_be_without_personal_data():
    (figure,) = [
        one for one in list_audit_figures(PASSED, OPTIONS._replace(clean=False)) if one.name.endswith("found again")
    ]

    assert figure.value == "texts were kept as they are"


def test_what_is_measured_is_on_the_card_too():
    values = {figure.name: figure.value for figure in list_audit_figures(PASSED, OPTIONS)}

    assert values["Linked by style: chat"] == "words 1.00 / 1.00, characters 1.00 / 1.00"
    assert values["k-anonymity of users"] == "k = 1"


def test_accounts_that_refuse_have_not_passed_where_no_list_was_given():
    unknown = PASSED._replace(privacy=audit(GateCounts(None, 0, 0)))
    found = [
        figure
        for figure in list_audit_figures(unknown, OPTIONS)
        if "refuse" in figure.name or "left out" in figure.name
    ]

    assert found == [("accounts that are to be left out", "no list was given", None)]
    assert ("Names of people in texts", "not measured: no model", None) in list_audit_figures(unknown, OPTIONS)
