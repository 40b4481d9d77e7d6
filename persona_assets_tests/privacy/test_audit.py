"""The audit counts personal data by kind, finds small groups, and links lines that tell who wrote them."""

import pyarrow as pa
import pytest

from persona_assets.privacy import audit as module
from persona_assets.privacy.audit import measure_linkage, measure_user_k_anonymity, name_activity_band
from persona_assets.privacy.samples import ReleasedText
from persona_assets_tests.privacy.builders import MODEL, OWN, audit, embed


def test_personal_data_is_counted_by_kind():
    found = audit(sample=["mail joe@example.org or ann@example.org", "see https://example.org/a", "harmless"])

    assert found.personal_data == {"email": 2, "url": 1}
    assert found.sampled == 3


def test_names_are_counted_by_the_model_that_is_given_in_a_bounded_part():
    seen = []

    def find_names(texts):
        seen.extend(texts)
        return [[(0, 3)] for _ in texts]

    assert audit().names is None
    texts = [f"text {number}" for number in range(module.MAX_NAMED_TEXTS + 5)]
    assert audit(sample=texts, names=find_names).names == (module.MAX_NAMED_TEXTS, module.MAX_NAMED_TEXTS)
    assert len(seen) == module.MAX_NAMED_TEXTS


def test_users_alone_in_their_persona_and_band_are_found():
    users = pa.table({"persona": ["0"] * 5, "lines": [2, 3, 4, 5, 50]})

    assert measure_user_k_anonymity(users)[:3] == (1, 3, 2)
    assert measure_user_k_anonymity(users.slice(0, 3)).k == 3
    assert measure_user_k_anonymity(users.slice(0, 0)).k == 0


@pytest.mark.parametrize(
    ("lines", "band"),
    [(0, "0"), (1, "1"), (2, "2 to 4"), (4, "2 to 4"), (9, "5 to 9"), (49, "10 to 49"), (50, "50 or more")],
)
def test_each_number_of_lines_has_a_band(lines, band):
    assert name_activity_band(lines) == band


def find(rows, form, unit, attack):
    (row,) = [row for row in rows if row[:3] == (form, unit, attack)]
    return row


def test_authors_with_words_of_their_own_are_linked_by_lines_and_by_all_lines():
    rows = measure_linkage({"chat": OWN}, scope="line")

    assert find(rows, "chat", "line", "words").linkage == (6, 3, 1.0, 1.0)
    assert find(rows, "chat", "author", "words").linkage == (3, 3, 1.0, 1.0)
    assert {row.unit for row in rows if row.is_released} == {"line"}
    assert {row.unit for row in measure_linkage({"chat": OWN}, scope="release") if row.is_released} == {"author"}


def test_authors_with_the_same_words_are_not_linked():
    alike = [ReleasedText(number, f"author {number // 4}", f"good morning {number % 4}x") for number in range(80)]

    rows = measure_linkage({"chat": alike}, scope="line")

    assert find(rows, "chat", "author", "words").linkage.recall_at_1 < 0.5
    assert find(rows, "chat", "author", "words").linkage.recall_at_90_precision < 0.2


def test_forms_with_the_same_texts_are_measured_once(monkeypatch):
    calls = []
    link = module._link
    monkeypatch.setattr(module, "_link", lambda *given: calls.append(1) or link(*given))

    rows = measure_linkage({"chat": OWN, "threads": list(OWN), "next_action": OWN[:8]}, scope="line")

    assert len(calls) == 2
    assert find(rows, "threads", "line", "words").linkage == find(rows, "chat", "line", "words").linkage
    assert find(rows, "next_action", "line", "words").linkage.authors == 2


def test_vectors_are_an_attack_where_they_are_given():
    rows = measure_linkage({"chat": OWN}, scope="line", model=MODEL)

    assert find(rows, "chat", "line", "vectors").linkage == (6, 3, 1.0, 1.0)
    assert find(rows, "chat", "author", "vectors").linkage == (3, 3, 1.0, 1.0)
    assert not [row for row in measure_linkage({"chat": OWN}, scope="line") if row.attack == "vectors"]
    assert (audit().vector_model, audit(model=MODEL).vector_model) == (None, "a-model")


def recording():
    """Return a model, and the list of the texts that it is given at each call."""
    calls = []

    def record(texts):
        calls.append(list(texts))
        return embed(texts)

    return MODEL._replace(embed=record), calls


def test_each_distinct_text_of_all_forms_is_encoded_once():
    model, calls = recording()

    measure_linkage({"chat": OWN, "threads": OWN[:8], "next_action": OWN[4:]}, scope="line", model=model)

    assert calls == [sorted(line.text for line in OWN)]


def test_texts_of_accounts_that_refuse_embedding_are_not_encoded():
    model, calls = recording()

    rows = measure_linkage({"chat": OWN}, scope="line", model=model._replace(refusing=frozenset({"cat"})))

    assert not any("cat" in text for text in calls[0])
    assert find(rows, "chat", "line", "vectors").linkage.authors == 2
    # One author alone cannot be told from others.
    assert measure_linkage({"chat": OWN}, scope="line", model=model._replace(refusing=frozenset({"cat", "ship"})))
    assert len(calls) == 1


def test_vectors_are_compared_for_some_authors_and_words_for_the_same_ones(monkeypatch):
    model, calls = recording()
    monkeypatch.setattr(module, "MAX_EMBEDDED_CHARACTERS", sum(len(line.text) for line in OWN) - 1)

    rows = measure_linkage({"chat": OWN}, scope="line", model=model)

    assert [(row.unit, row.attack, row.linkage.authors) for row in rows] == [
        (unit, attack, authors)
        for unit in ("line", "author")
        for attack, authors in (("words", 3), ("characters", 3), ("vectors", 2), ("words", 2))
    ]
    assert len(calls[0]) == 8


@pytest.mark.parametrize("own", [[], OWN[:4]])
def test_fewer_than_two_authors_are_not_measured(own):
    assert measure_linkage({"chat": own}, scope="line") == []
