"""The audit counts personal data by kind, finds small groups, and links lines that tell who wrote them."""

import numpy as np
import pyarrow as pa
import pytest

from persona_assets.privacy import audit as module
from persona_assets.privacy.audit import measure_linkage, measure_user_k_anonymity, name_activity_band
from persona_assets.privacy.samples import ReleasedText
from persona_assets_tests.privacy.builders import OWN, audit


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
    def embed(texts):
        return np.array([[text.startswith(word) for word in ("cat", "ship", "wine")] for text in texts], float)

    rows = measure_linkage({"chat": OWN}, scope="line", embed=embed)

    assert find(rows, "chat", "line", "vectors").linkage.recall_at_1 == 1.0


@pytest.mark.parametrize("own", [[], OWN[:4]])
def test_fewer_than_two_authors_are_not_measured(own):
    assert measure_linkage({"chat": own}, scope="line") == []
