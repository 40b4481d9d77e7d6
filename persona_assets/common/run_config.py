"""Run configs whose defaults come from the settings, and show in the launchpad."""

import copy
from typing import Any, ClassVar

import dagster as dg
from pydantic.fields import FieldInfo

from persona_assets.settings import COSTS_ONLY


class _FieldsWithDefaults:
    """The fields of a model; one whose default a factory makes has, for who asks, the value that it makes now."""

    def __get__(self, instance: object, model: Any) -> dict[str, FieldInfo]:
        return {name: _with_default(field) for name, field in model.__pydantic_fields__.items()}


def _with_default(field: FieldInfo) -> FieldInfo:
    if field.default_factory is None:
        return field
    shown = copy.copy(field)
    shown.default = field.get_default(call_default_factory=True, validated_data={})
    return shown


class SettingsConfig(dg.Config):
    """Base class of Dagster run configs whose fields take default, bounds and description from the settings.

    Dagster builds the schema that the launchpad shows when an asset is defined, from `model_fields`, and shows a value
    but no factory. pydantic does not read `model_fields`: it asks the factory each time that a config is made.
    """

    model_fields: ClassVar[Any] = _FieldsWithDefaults()

    def result_settings(self) -> dict[str, Any]:
        """Return, by name, the fields that affect the result; those that affect only time and memory are left out."""
        extras: dict[str, Any] = {name: field.json_schema_extra for name, field in self.__pydantic_fields__.items()}
        return {name: value for name, value in self.model_dump().items() if not (extras[name] or {}).get(COSTS_ONLY)}
