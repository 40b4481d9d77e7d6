"""`python docs/write_reference.py`: write the pages of `docs/reference/` from the code.

The pages are kept in the repository, so that they can be read without building anything, and so that a change of a
default shows in a review. `persona_assets_tests/test_docs.py` fails while they differ from the code.
"""

import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pydantic.fields

from persona_assets import tables
from persona_assets.assets.cluster_stats.write_report import CLUSTER_STATS
from persona_assets.assets.clusters.build import CERTAINTY, CURVE
from persona_assets.automation.jobs import DAY_ASSETS, LINEAGE_ASSETS, PERSONA_ASSETS
from persona_assets.common.columns import describe_columns
from persona_assets.common.setting_topics import SETTING_TOPICS
from persona_assets.definitions import build_definitions
from persona_assets.settings import PREFIX, Settings, read_settings

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Made from the code by docs/write_reference.py (`make docs`): change it there. -->"
# Widths of vectors are the model's: those of the default model are shown.
_DIMENSIONS = 384


class StoredTable(typing.NamedTuple):
    """A table that users can open."""

    name: str
    files: str  # below PERSONA_DATA
    row: str  # what one row is
    schema: pa.Schema

    @property
    def stored_schema(self) -> pa.Schema:
        """What is in a file: the columns, and the day that the file is of, but in a table over all days."""
        return tables.stored_schema(self.schema) if "<day>" in self.files else self.schema


STORED_TABLES = (
    StoredTable(
        "raw_events",
        "raw_events/<day>.parquet",
        "An event of the capture: a commit, identity, account or sync event. Repeated deliveries are kept.",
        tables.RAW_EVENTS,
    ),
    StoredTable(
        "rejected_lines",
        "rejected_lines/<day>.parquet",
        "A line of the capture that is no event, or an object on it.",
        tables.REJECTED_LINES,
    ),
    StoredTable(
        "user_actions",
        "user_actions/<day>.parquet",
        "An action of a user, counted once however often it was delivered.",
        tables.USER_ACTIONS,
    ),
    StoredTable(
        "english_posts",
        "english_posts/<day>.parquet",
        "A post, reply or quote in English, or in the language of `PERSONA_LANGUAGE`.",
        tables.ENGLISH_POSTS,
    ),
    StoredTable(
        "english_users",
        "english_users/<day>.parquet",
        "A user with enough English posts in the window that ends at the day.",
        tables.ENGLISH_USERS,
    ),
    StoredTable(
        "embeddings",
        "embeddings/<day>.parquet",
        f"A post of `english_posts` and its vector, here with the default model's {_DIMENSIONS} dimensions.",
        tables.embeddings_schema(_DIMENSIONS),
    ),
    StoredTable("clusters", "clusters/<day>.parquet", "A user of the window and its persona.", tables.CLUSTERS),
    StoredTable(
        "cluster_certainty",
        "cluster_certainty/<day>.parquet",
        "A user of `clusters`: how sure its cluster is.",
        CERTAINTY,
    ),
    StoredTable(
        "cluster_centres",
        "cluster_centres/<day>.parquet",
        "A cluster and the mean of its users' vectors.",
        tables.centres_schema(_DIMENSIONS),
    ),
    StoredTable(
        "cluster_curve",
        "cluster_curve/<day>.parquet",
        "A number of clusters that was tried. Only for days with `PERSONA_AUTO_CLUSTER=true`.",
        CURVE,
    ),
    StoredTable(
        "cluster_stats",
        "cluster_stats/<day>/cluster_stats.parquet",
        "A cluster and its counts.",
        CLUSTER_STATS,
    ),
    StoredTable(
        "lineage",
        "lineage.parquet",
        "A cluster of a day and its persona, or a persona that ended on that day.",
        tables.LINEAGE,
    ),
    StoredTable(
        "accounting",
        "cluster_jsonl/<day>/accounting.parquet",
        "An action, an outcome and a cluster: how many actions of the window met that outcome.",
        tables.ACTION_ACCOUNTING,
    ),
    StoredTable(
        "actions_by_hour",
        "cluster_jsonl/<day>/actions_by_hour.parquet",
        "A cluster, an action and an hour of the day.",
        tables.ACTIONS_BY_HOUR,
    ),
    StoredTable(
        "actions_per_user",
        "cluster_jsonl/<day>/actions_per_user.parquet",
        "A cluster and an action.",
        tables.ACTIONS_PER_USER,
    ),
    StoredTable(
        "ignored",
        "cluster_jsonl/<day>/ignored.parquet",
        "A line with `ignore`, and why it is there. Only with `PERSONA_ADD_IGNORED_MESSAGES=true`.",
        tables.IGNORED_EVIDENCE,
    ),
)


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
    order = ["prepare_days", "make_personas", "trace_personas", "process_day"]
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
    order = [*DAY_ASSETS, *PERSONA_ASSETS, *LINEAGE_ASSETS]
    return sorted(graph.get_all_asset_keys(), key=lambda key: order.index(key.to_user_string()))


def _asset(graph: typing.Any, key: dg.AssetKey) -> list[str]:
    node = graph.get(key)
    reads = ", ".join(f"`{parent.to_user_string()}`" for parent in _in_order(graph) if parent in node.parent_keys)
    parts = [node.description or "", "", f"Reads: {reads or 'the capture'}."]
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
        "tables.md": write_tables(STORED_TABLES),
        "graph.md": write_graph(build_definitions(read_settings({}))),
    }


if __name__ == "__main__":
    for name, text in write_pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
