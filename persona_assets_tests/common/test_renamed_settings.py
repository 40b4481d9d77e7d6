"""The old name of a renamed setting is read for one release, with a warning that reaches the console."""

import os
import subprocess
import sys
import warnings

import pytest

from persona_assets.common import renamed_settings
from persona_assets.common.renamed_settings import RENAMED_SETTINGS, replace_old_names
from persona_assets.errors import SettingsError
from persona_assets.settings import Settings, read_settings


@pytest.fixture(autouse=True)
def _no_warning_shown_yet():
    """Let each test see its warnings: a process shows a message once."""
    renamed_settings._warn_once.cache_clear()
    yield
    renamed_settings._warn_once.cache_clear()


def replace(given):
    return replace_old_names(given, prefix="PERSONA_", renamed={"start": "seed"})


def test_an_old_name_gives_its_value_to_the_new_name_with_a_warning():
    with pytest.warns(FutureWarning, match="PERSONA_START was renamed: set PERSONA_SEED instead"):
        assert replace({"start": "5", "language": "de"}) == {"seed": "5", "language": "de"}


def test_the_new_name_wins_with_a_warning_that_the_old_name_is_ignored():
    with pytest.warns(FutureWarning, match="PERSONA_START is ignored because PERSONA_SEED, its new name, is set"):
        assert replace({"start": "5", "seed": "6"}) == {"seed": "6"}


def test_a_message_is_shown_once_per_process():
    with pytest.warns(FutureWarning):
        replace({"start": "5"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert replace({"start": "6"}) == {"seed": "6"}


def test_present_names_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert replace({"seed": "6"}) == {"seed": "6"}


def test_new_names_are_settings_and_old_names_are_not():
    assert set(RENAMED_SETTINGS.values()) <= set(Settings.model_fields)
    assert not set(RENAMED_SETTINGS) & set(Settings.model_fields)


def test_whiten_users_is_read_by_its_old_name():
    with pytest.warns(FutureWarning):
        assert read_settings({"PERSONA_SHARPEN_USERS": "true"}).whiten_users


def test_an_empty_old_variable_is_not_set():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert read_settings({"PERSONA_SHARPEN_USERS": ""}) == Settings()


def test_an_invalid_value_of_an_old_name_is_an_error_that_names_the_new_one():
    with pytest.warns(FutureWarning), pytest.raises(SettingsError, match="PERSONA_WHITEN_USERS='wrong': "):
        read_settings({"PERSONA_SHARPEN_USERS": "wrong"})


@pytest.mark.parametrize(("old", "new"), RENAMED_SETTINGS.items())
def test_a_command_shows_the_warning_once_on_the_console(old, new, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PERSONA_", "PYTHONWARN"))}

    shown = subprocess.run(
        [sys.executable, "-m", "dagster", "asset", "list", "-m", "persona_assets.definitions"],
        env={**environment, f"PERSONA_{old.upper()}": f"{Settings.model_fields[new].default}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )

    assert shown.stderr.count(f"PERSONA_{old.upper()} was renamed: set PERSONA_{new.upper()} instead") == 1
