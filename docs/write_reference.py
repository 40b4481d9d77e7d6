"""`python docs/write_reference.py`: write the pages of `docs/reference/` from the code.

The pages are kept in the repository, so that they can be read without building anything, and so that a change of a
default shows in a review. `persona_assets_tests/test_docs.py` fails while they differ from the code.
"""

import importlib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg
import pydantic.fields

from persona_assets.automation.jobs import (
    ALL_DAYS_STAGES,
    ASSIGNMENT_STAGES,
    CONSENT_STAGES,
    DAY_STAGES,
    WINDOW_STAGES,
)
from persona_assets.common.columns import describe_columns
from persona_assets.common.setting_topics import SETTING_TOPICS
from persona_assets.common.stored_table import StoredTable
from persona_assets.definitions import STEPS, build_definitions
from persona_assets.settings import PREFIX, Settings, read_settings

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Made from the code by docs/write_reference.py (`make docs`): change it there. -->"


def collect_tables() -> list[StoredTable]:
    """Return what each step's module `stored_tables` declares, in the order of the graph."""
    modules = (importlib.import_module(f"persona_assets.assets.{step}.stored_tables") for step in STEPS)
    return [table for module in modules for table in module.STORED_TABLES]


def write_settings(topics: Mapping[str, Iterable[str]], fields: Mapping[str, pydantic.fields.FieldInfo]) -> str:
    """Return the page of settings: a table for each topic."""
    parts = [
        "# Settings",
        "",
        _MADE,
        "",
        "All environment variables, by topic. [Ten of them](../settings.md) are the ones that most people need.",
        f"A variable that starts with `{PREFIX}` and is not listed here is an error.",
    ]
    for topic, names in topics.items():
        rows = [(_variable(name), _default(fields[name].default), _describe(fields[name])) for name in names]
        parts += ["", f"## {topic}", "", *_table(("variable", "default", "meaning"), rows)]
    return "\n".join(parts) + "\n"


def write_tables(stored: Iterable[StoredTable]) -> str:
    """Return the page of tables: a section for each, with its columns."""
    parts = [
        "# Tables",
        "",
        _MADE,
        "",
        "What one row is, and what the columns mean. Paths are below `PERSONA_DATA`. The descriptions are in the files",
        "too ([how to read them](../results.md)).",
    ]
    for table in stored:
        rows = [
            (f"`{column.name}`", column.kind, "yes" if column.nullable else "", column.description or "")
            for column in describe_columns(table.stored_schema)
        ]
        parts += ["", f"## {table.name}", "", f"`{table.files}`. One row: {_lower(table.row)}", ""]
        parts += _table(("column", "type", "may be empty", "meaning"), rows)
    return "\n".join(parts) + "\n"


def write_graph(definitions: dg.Definitions) -> str:
    """Return the page of the graph: assets with their options and checks, jobs, the schedule and the sensor."""
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    parts = ["# Assets, checks and jobs", "", _MADE, "", "In the order in which data flows."]
    for key in _in_order(graph):
        parts += ["", f"## {key.to_user_string()}", "", *_asset(graph, key)]
    parts += ["", "## Jobs", ""]
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    order = ["prepare_days", "make_personas", "trace_personas", "process_day", "assign_users"]
    parts += _table(
        ("job", "what it does"),
        [(f"`{job.name}`", job.description or "") for job in sorted(jobs, key=lambda job: order.index(job.name))],
    )
    parts += ["", "## Schedule and sensor", "", "Both are switched off until you start them.", ""]
    automatic = [*repository.schedule_defs, *repository.sensor_defs]
    parts += _table(
        ("name", "job", "what it does"),
        [(f"`{one.name}`", f"`{one.job.name}`", one.description or "") for one in automatic],
    )
    return "\n".join(parts) + "\n"


def _in_order(graph: typing.Any) -> list[dg.AssetKey]:
    """Return the assets by stage, and in a stage in the order of the steps."""
    of_windows = (*WINDOW_STAGES, *ASSIGNMENT_STAGES)
    stages, steps = (*DAY_STAGES, *CONSENT_STAGES, *of_windows, *ALL_DAYS_STAGES, "agents"), list(STEPS)

    def place(key: dg.AssetKey) -> tuple[int, int, str]:
        node = graph.get(key)
        if not node.is_materializable:  # the source of the graph
            return -1, 0, key.to_user_string()
        # What accounts allow is known before a day's posts are embedded.
        stage = "days" if node.tags["stage"] in CONSENT_STAGES else node.tags["stage"]
        return stages.index(stage), steps.index(node.assets_def.op.name), key.to_user_string()

    return sorted(graph.get_all_asset_keys(), key=place)


def _asset(graph: typing.Any, key: dg.AssetKey) -> list[str]:
    node = graph.get(key)
    reads = ", ".join(f"`{parent.to_user_string()}`" for parent in _in_order(graph) if parent in node.parent_keys)
    if not node.is_materializable:
        return [node.description or ""]
    parts = [node.description or "", "", f"Reads: {reads}."]
    fields = getattr(node.assets_def.op.config_schema.as_field().config_type, "fields", {})
    if fields:
        # What they mean is with the settings, which a field's description ends with.
        options = [f"`{name}` (`{field.description.split()[-1].strip('.')}`)" for name, field in fields.items()]
        parts += ["", f"Options in the launchpad, and their [settings](settings.md): {', '.join(options)}."]
    checks = sorted(
        (graph.get(check) for check in graph.get_check_keys_for_assets({key})), key=lambda check: check.key.name
    )
    if checks:
        rows = [
            (f"`{check.key.name}`", "stops the run" if check.blocking else "warns", _advice(check.description))
            for check in checks
        ]
        parts += ["", *_table(("check", "when it fails", "what to do"), rows)]
    return parts


def _advice(description: str) -> str:
    return description.removeprefix("When it fails: ")


def _variable(name: str) -> str:
    return f"`{PREFIX}{name.upper()}`"


def _default(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _describe(field: pydantic.fields.FieldInfo) -> str:
    """Return what a setting means, and what it may be where that is one of a few."""
    if typing.get_origin(field.annotation) is not typing.Literal:
        return field.description or ""
    values = ", ".join(f"`{value}`" for value in typing.get_args(field.annotation))
    return f"{field.description} One of {values}."


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) + " |" for line in lines]


def write_pages() -> dict[str, str]:
    """Return the text of each page of `docs/reference/`, whatever the environment says."""
    return {
        "settings.md": write_settings(SETTING_TOPICS, Settings.model_fields),
        "tables.md": write_tables(collect_tables()),
        "graph.md": write_graph(build_definitions(read_settings({}))),
    }


if __name__ == "__main__":
    for name, text in write_pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
