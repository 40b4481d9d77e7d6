"""Forms are read from a setting in the order of the card, and unknown ones are errors."""

import pytest

from persona_assets.assets.dataset.release_schemas import FORMS, PAIRED_FORMS, parse_forms
from persona_assets.errors import SettingsError


def test_forms_are_in_the_order_of_the_card_whatever_the_order_of_the_setting():
    assert parse_forms(" threads , chat") == ("chat", "threads")
    assert parse_forms(",".join(reversed(FORMS))) == tuple(FORMS)


@pytest.mark.parametrize("forms", ["chat,songs", "songs"])
def test_unknown_forms_are_errors(forms):
    with pytest.raises(SettingsError, match="songs is no form"):
        parse_forms(forms)


def test_forms_of_pairs_are_forms():
    assert set(PAIRED_FORMS) < set(FORMS)
