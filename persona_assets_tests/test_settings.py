"""Settings are parsed to their types, and errors name the variable."""

import datetime as dt

import pytest
from pydantic import BaseModel, ValidationError

from persona_assets.errors import SettingsError
from persona_assets.settings import Settings, from_setting, read_settings


def test_an_empty_environment_gives_the_defaults():
    assert read_settings({}) == Settings()
    assert read_settings({}).window_days == 7


def test_variables_are_parsed_to_their_types():
    settings = read_settings(
        {"PERSONA_START_DATE": "2024-11-05", "PERSONA_WINDOW_DAYS": "16", "PERSONA_AUTO_CLUSTER": "true"}
    )

    assert (settings.start_date, settings.window_days, settings.auto_cluster) == (dt.date(2024, 11, 5), 16, True)


def test_other_variables_are_ignored():
    assert read_settings({"HOME": "/", "persona_window_days": "9"}) == Settings()


def test_an_empty_value_counts_as_not_set():
    assert read_settings({"PERSONA_WINDOW_DAYS": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PERSONA_WINDOW_DAY", "7", "PERSONA_WINDOW_DAY is not a setting; did you mean PERSONA_WINDOW_DAYS?"),
        ("PERSONA_QQQQ", "7", "PERSONA_QQQQ is not a setting; the settings are PERSONA_CAPTURE, "),
        ("PERSONA_WINDOW_DAYS", "0", "PERSONA_WINDOW_DAYS='0': Input should be greater than or equal to 1"),
        ("PERSONA_EXECUTOR", "slrum", "PERSONA_EXECUTOR='slrum': Input should be 'in_process', 'multiprocess'"),
        ("PERSONA_START_DATE", "first of March", "PERSONA_START_DATE='first of March': Input should be a valid date"),
        ("PERSONA_END_DATE", "2025-02-31", "PERSONA_END_DATE='2025-02-31': Input should be a valid date"),
        ("PERSONA_END_DATE", "2025-02-28", "PERSONA_END_DATE=2025-02-28 is before PERSONA_START_DATE=2025-03-01"),
        ("PERSONA_UMASK", "077777", "PERSONA_UMASK='077777': String should match pattern"),
        ("PERSONA_UMASK", "700", "PERSONA_UMASK='700': String should match pattern"),
        ("PERSONA_MEMORY_LIMIT", "lots", "PERSONA_MEMORY_LIMIT='lots': String should match pattern"),
    ],
)
def test_an_invalid_value_is_named_with_the_valid_ones(variable, value, message):
    with pytest.raises(SettingsError) as caught:
        read_settings({variable: value})

    assert message in str(caught.value)


class OneConfig(BaseModel):
    max_tokens: int = from_setting("max_tokens")
    language: str = from_setting("language")
    seed: int = from_setting("seed")


def test_a_default_is_read_when_it_is_needed(monkeypatch):
    monkeypatch.setenv("PERSONA_MAX_TOKENS", "25")

    assert OneConfig().max_tokens == 25


def test_a_field_of_no_setting_is_refused_where_it_is_written():
    with pytest.raises(SettingsError, match="'clusters' is not a field of Settings"):
        from_setting("clusters")


@pytest.mark.parametrize("wrong", [{"max_tokens": 7}, {"max_tokens": 8193}, {"language": "English"}, {"seed": -1}])
def test_a_field_has_the_bounds_of_its_setting(wrong):
    with pytest.raises(ValidationError):
        OneConfig(**wrong)


def test_a_description_says_the_bounds_and_the_variable():
    described = {name: field.description for name, field in OneConfig.model_fields.items()}

    assert described["max_tokens"].endswith(" From 8 to 8192. Default: PERSONA_MAX_TOKENS.")
    assert described["seed"].endswith(" At least 0. Default: PERSONA_SEED.")
    assert described["language"].endswith(" phrases for words. Default: PERSONA_LANGUAGE.")


@pytest.mark.parametrize("field", Settings.model_fields.values())
def test_every_setting_is_described(field):
    assert field.description.endswith(".")
