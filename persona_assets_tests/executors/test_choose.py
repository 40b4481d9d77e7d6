"""The executor that a setting names."""

import sys

import pytest

from persona_assets.errors import SettingsError
from persona_assets.executors.choose import choose_executor


@pytest.mark.parametrize(
    ("name", "executor"), [("in_process", "in_process"), ("multiprocess", "multiprocess"), ("k8s", "k8s")]
)
def test_each_name_gives_its_executor(name, executor):
    assert choose_executor(name).name == executor


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(SettingsError, match="in_process, multiprocess and k8s"):
        choose_executor("celery")


def test_k8s_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dagster_k8s", None)

    with pytest.raises(SettingsError, match=r"pip install 'persona_assets\[k8s\]'"):
        choose_executor("k8s")
