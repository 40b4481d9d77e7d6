import pytest

from persona_assets.common.consent_settings import split_entities
from persona_assets.consent.purposes import PURPOSES
from persona_assets.errors import SettingsError
from persona_assets.settings import read_settings


def test_what_is_undefined_is_allowed_by_default():
    settings = read_settings({})

    assert settings.undefined_consent() == settings.undefined_consent(release=True) == dict.fromkeys(PURPOSES, "allow")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_each_purpose_has_a_setting(purpose):
    settings = read_settings({f"PERSONA_CONSENT_{purpose.upper()}": "deny"})

    assert settings.undefined_consent() == dict.fromkeys(PURPOSES, "allow") | {purpose: "deny"}
    assert settings.undefined_consent(release=True) == settings.undefined_consent()


def test_a_release_may_be_stricter_than_the_machine_but_not_laxer():
    settings = read_settings({"PERSONA_CONSENT_RELEASE": "deny"})

    assert set(settings.undefined_consent().values()) == {"allow"}
    assert settings.undefined_consent(release=True) == dict.fromkeys(PURPOSES, "deny")


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, ()), ("did:plc:us", ("did:plc:us",)), (" did:plc:us , Lab.Example ", ("did:plc:us", "lab.example"))],
)
def test_the_entity_may_be_a_did_a_domain_or_both(given, names):
    environment = {} if given is None else {"PERSONA_CONSENT_ENTITY": given}

    assert split_entities(read_settings(environment).consent_entity) == names


def test_other_meanings_are_refused():
    with pytest.raises(SettingsError, match="PERSONA_CONSENT_TRAINING"):
        read_settings({"PERSONA_CONSENT_TRAINING": "maybe"})
