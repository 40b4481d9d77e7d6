"""Lines are read as numbers, each once, in the order of files."""

import numpy as np
import pytest

from persona_assets.assets.dataset.clean_texts import remove_personal_data
from persona_assets.assets.dataset.line_batches import find_first_line_ids, read_line_batches
from persona_assets_tests.assets.dataset.builders import load_store, window


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.assets.dataset.line_batches.LINES_PER_BATCH", 3)
    store, lines = load_store(*window(), tmp_path)
    return store, lines, list(read_line_batches(lines, store))


def test_each_line_is_read_once_with_its_user_and_messages(read):
    store, lines, batches = read
    rows = lines.to_table().to_pylist()

    found = []
    for batch in batches:
        for place in range(batch.size):
            shown = batch.messages[batch.offsets[place] : batch.offsets[place + 1]].tolist()
            found.append((batch.cluster_id, store.users[int(batch.authors[place])].as_py(), shown))
    assert found == [(row["cluster_id"], row["user_id"], row["messages"]) for row in rows]
    assert np.concatenate([batch.line_ids for batch in batches]).tolist() == list(range(len(rows)))


def test_a_quote_is_a_conversation_or_an_act_by_its_record(read):
    found = [
        (act, bool(own))
        for batch in read[2]
        for act, own in zip(batch.acts.to_pylist(), batch.is_conversation, strict=True)
    ]

    assert ("quote", False) in found  # on what it quotes
    assert ("quote", True) not in found  # the post alone
    assert ("reply", True) in found
    assert ("like", False) in found


def test_acts_have_their_own_texts_as_they_are_released(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_assets.assets.dataset.line_batches.LINES_PER_BATCH", 3)
    store, lines = load_store(*window(), tmp_path, clean=remove_personal_data)

    batches = list(read_line_batches(lines, store))

    texts = [text for batch in batches for text in batch.texts.to_pylist()]
    numbers = np.concatenate([batch.own_texts for batch in batches]).tolist()
    assert [text for text in texts if text] == ["see this", "write to [EMAIL]"]
    assert [None if number < 0 else store.texts[number].as_py() for number in numbers] == texts


def test_clusters_start_where_their_lines_do(read):
    _, lines, _ = read
    clusters = lines.to_table()["cluster_id"].to_pylist()

    assert find_first_line_ids(lines) == {cluster: clusters.index(cluster) for cluster in set(clusters)}


def test_selected_lines_keep_their_messages(read):
    for batch in read[2]:
        chosen = np.arange(batch.size) % 2 == 0
        part = batch.select(chosen)
        assert part.line_ids.tolist() == batch.line_ids[chosen].tolist()
        assert [part.messages[part.offsets[n] : part.offsets[n + 1]].tolist() for n in range(part.size)] == [
            batch.messages[batch.offsets[n] : batch.offsets[n + 1]].tolist() for n in np.flatnonzero(chosen)
        ]
