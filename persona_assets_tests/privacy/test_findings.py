"""What a release must have none of fails when there is one; what is measured never does."""

import pytest

from persona_assets.privacy import audit as module
from persona_assets.privacy.audit import GateCounts
from persona_assets.privacy.findings import list_findings
from persona_assets_tests.privacy.builders import MODEL, NOTHING, OWN, audit


def verdicts(found):
    return {finding.name: finding.verdict for finding in list_findings(found)}


def failed(found):
    return [name for name, verdict in verdicts(found).items() if verdict == "failed"]


def test_nothing_fails_where_nothing_is_found():
    assert failed(audit()) == []


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        (GateCounts(1, 0, 0), "Accounts that refuse"),
        (GateCounts(0, 1, 0), "Deleted records"),
        (GateCounts(0, 0, 1), "Ids of accounts"),
    ],
)
def test_each_count_of_the_gate_fails_alone(gate, name):
    assert failed(audit(gate)) == [name]


def test_personal_data_fails_where_texts_are_promised_without_it():
    leaky = ["mail joe@example.org"]

    assert failed(audit(sample=leaky)) == ["Personal data in texts"]
    assert verdicts(audit(sample=leaky, is_cleaned=False))["Personal data in texts"] == "measured"
    (value,) = [one.value for one in list_findings(audit(sample=leaky)) if one.name == "Personal data in texts"]
    assert value == "1 email in 1 text"


def test_what_was_not_looked_at_is_said():
    found = verdicts(audit(NOTHING._replace(refusing=None), own={"chat": []}))

    assert found["Accounts that refuse"] == "not measured"
    assert found["Names of people in texts"] == "not measured"
    assert found["Linked by style"] == "not measured"
    assert found["Found by address: dehydrated"] == "not measured"


def test_linkage_is_reported_and_never_fails():
    values = {one.name: (one.verdict, one.value) for one in list_findings(audit())}

    assert values["Linked by style: chat"] == ("measured", "words 1.00 / 1.00, characters 1.00 / 1.00")
    assert values["Found by text search: chat"] == ("measured", "0.75")
    assert values["k-anonymity of users"] == ("measured", "k = 1")
    assert values["Names of people in texts"][0] == "not measured"
    named = {one.name: one.value for one in list_findings(audit(names=lambda texts: [[(0, 1)] for _ in texts]))}
    assert named["Names of people in texts"] == "1 in 1 text"


def find_linkage(**options):
    return next(one for one in list_findings(audit(**options)) if one.name == "Linked by style: chat")


def test_linkage_by_vectors_is_beside_the_other_attacks_and_says_among_how_many(monkeypatch):
    assert find_linkage(model=MODEL).value == "words 1.00 / 1.00, characters 1.00 / 1.00, vectors 1.00 / 1.00"
    assert "some of them" not in find_linkage(model=MODEL).meaning

    monkeypatch.setattr(module, "MAX_EMBEDDED_CHARACTERS", sum(len(line.text) for line in OWN) - 1)
    some = find_linkage(model=MODEL)

    assert some.value == (
        "words 1.00 / 1.00, characters 1.00 / 1.00; among 2 of them: vectors 1.00 / 1.00, words 1.00 / 1.00"
    )
    assert "among 3 drawn authors. Encoding takes long" in some.meaning
