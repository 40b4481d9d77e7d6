"""Personal data is removed from texts, and counted anew each time that lines are read."""

from collections import Counter

from persona_assets.assets.dataset.clean_texts import CleanedLines, keep_texts, remove_personal_data
from persona_assets_tests.assets.dataset.builders import load_store, window


def test_what_a_placeholder_uncovers_is_removed_too():
    texts, counts = remove_personal_data(["a@b.org", None, "nothing", "a@b.org"])

    assert texts == ["[EMAIL]", None, "nothing", "[EMAIL]"]
    assert counts == {"email": 2}


def test_texts_of_acts_are_cleaned_each_time_that_lines_are_read(tmp_path):
    store, lines = load_store(*window(), tmp_path)
    cleaned = CleanedLines(lines, store, remove_personal_data, Counter())

    for _ in range(2):
        texts = [text for batch in cleaned.read_and_clean() for text in batch.texts.to_pylist() if text]
        assert texts == ["see this", "write to [EMAIL]"]
        assert cleaned.personal_data == {"email": 1}
    assert keep_texts(["a@b.org"]) == (["a@b.org"], {})
