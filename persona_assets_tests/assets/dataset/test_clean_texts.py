"""Personal data is removed from texts until no more is found, and counted."""

from persona_assets.assets.dataset.clean_texts import keep_texts, remove_personal_data


def test_what_a_placeholder_uncovers_is_removed_too():
    texts, counts = remove_personal_data(["a@b.org", None, "nothing", "a@b.org"])

    assert texts == ["[EMAIL]", None, "nothing", "[EMAIL]"]
    assert counts == {"email": 2}


def test_kept_texts_are_as_they_were():
    assert keep_texts(["a@b.org"]) == (["a@b.org"], {})
