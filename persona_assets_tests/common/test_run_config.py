"""Run configs: the launchpad shows each field with its default, which comes from the settings."""

import dagster as dg
import pytest

from persona_assets.capture.resource import Capture
from persona_assets.common.run_config import SettingsConfig
from persona_assets.definitions import build_definitions
from persona_assets.settings import Settings, from_setting, read_settings

# Fields whose name differs from their setting, and fields with more types than an environment variable can express.
SETTING_OF = {"format": "cluster_format", "compression": "cluster_compression", "method": "cluster_method"}
OTHER_TYPES = {"n_clusters"}
WITHOUT_CONFIG = {"raw_events", "rejected_lines", "lineage", "persona_labels"}


class OneConfig(SettingsConfig):
    seed: int = from_setting("seed")
    vector_store: str | None = from_setting("vector_store")


def fields_shown(asset: dg.AssetsDefinition):
    """The fields of an asset's config in Dagster's schema, which the launchpad shows."""
    return asset.op.config_schema.as_field().config_type.fields


def assets_of_graph():
    assets = build_definitions(read_settings()).assets
    return {asset.op.name: asset for asset in assets if asset.is_executable}


def test_defaults_are_those_at_the_time_definitions_are_loaded(monkeypatch):
    monkeypatch.setenv("PERSONA_SEED", "7")

    @dg.asset
    def one(config: OneConfig):
        return config.seed

    shown = fields_shown(one)
    assert shown["seed"].default_value == 7
    assert shown["vector_store"].default_value is None
    monkeypatch.setenv("PERSONA_SEED", "8")
    assert OneConfig().seed == 8


def test_a_run_gets_the_shown_default_or_its_own_value(monkeypatch):
    monkeypatch.setenv("PERSONA_SEED", "7")
    seen = []

    @dg.asset
    def one(config: OneConfig):
        seen.append(config.seed)

    dg.materialize([one])
    dg.materialize([one], run_config={"ops": {"one": {"config": {"seed": 9}}}})

    assert seen == [7, 9]


@pytest.mark.parametrize("name", sorted(set(assets_of_graph()) - WITHOUT_CONFIG))
def test_the_launchpad_shows_every_field_with_its_default_and_description(name):
    shown = fields_shown(assets_of_graph()[name])

    assert shown
    for field_name, field in shown.items():
        setting = SETTING_OF.get(field_name, field_name)
        assert field.default_value == getattr(read_settings(), setting)
        assert field.description.startswith(Settings.model_fields[setting].description)


def test_chosen_values_leave_out_settings_that_change_no_result():
    assert OneConfig(seed=3).result_settings() == {"seed": 3}


def test_fields_have_the_types_of_their_settings():
    classes = [*SettingsConfig.__subclasses__(), Capture]
    fields = [(name, field) for one in classes for name, field in one.__pydantic_fields__.items()]
    names = {"root": "capture", "pattern": "capture_pattern"} | SETTING_OF

    differ = [
        name
        for name, field in fields
        if name not in OTHER_TYPES and field.annotation != Settings.model_fields[names.get(name, name)].annotation
    ]
    assert differ == []
