"""The declared relations are those that the step creates, with the declared columns, makers and readers."""

import ast
import re
from contextlib import contextmanager
from pathlib import Path

import pytest

import persona_assets.assets.cluster_jsonl
from persona_assets.assets.cluster_jsonl import build as build_module
from persona_assets.assets.cluster_jsonl.ignored import IgnoredOptions
from persona_assets.assets.cluster_jsonl.relations import RELATIONS, create_empty_table_sql
from persona_assets.common.database import open_duckdb
from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, message, uri_of

PACKAGE = Path(persona_assets.assets.cluster_jsonl.__file__).parent
DECLARED = {name: relation for relations in RELATIONS.values() for name, relation in relations.items()}
WIDTH = 2  # of the vectors
USERS = ["ann", "bob", "cyd", "dan", "eve"]
HOUR = 3_600_000_000


def window():
    """A window in which every step has something to do: a cycle, duplicates, follows, lines without text, ties."""
    rows = [message("ann", "a", 3, answers=uri_of("bob", "b")), message("bob", "b", 1, answers=uri_of("ann", "a"))]
    rows += [message("ann", "tie", 3), message("cyd", "twice", 4), message("cyd", "twice", 4)]
    rows += [message("dan", "picture", 5, None, english=False), message("star", "seen", HOUR)]
    rows += [act(user, "follow", 6, key="f", toward="star") for user in USERS]
    rows += [act(user, "like", 2 * HOUR, on=uri_of("cyd", "twice")) for user in USERS]
    vectors = {uri_of("star", "seen"): [1, 0], uri_of("cyd", "twice"): [1, 0]}
    return inputs(rows, dict.fromkeys(USERS, 0), vectors=vectors)


class Recorder:
    """A connection that describes each relation which is registered, and at its end all that exist."""

    def __init__(self, con, described):
        self._con, self._described = con, described

    def __getattr__(self, name):
        return getattr(self._con, name)

    def cursor(self):
        return RecorderContext(self._con.cursor(), self._described)

    def register(self, name, relation):
        self._con.register(name, relation)
        self.describe(name)

    def describe(self, name):
        self._described.setdefault(name, set()).add(describe(self._con, name))

    def describe_all(self):
        found = self._con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE NOT internal "
            "UNION SELECT view_name FROM duckdb_views() WHERE NOT internal"
        )
        for (name,) in found.fetchall():
            self.describe(name)

    def compare_declared(self):
        """Return what is described of each declared relation, from an empty table with its columns."""
        for name in self._described.keys() & DECLARED.keys():
            statement = create_empty_table_sql(name).replace("FLOAT[d]", f"FLOAT[{WIDTH}]")
            self._con.execute(statement.replace(f"TABLE {name} ", f"TABLE declared_{name} "))
            self._described[name].add(describe(self._con, f"declared_{name}"))


class RecorderContext(Recorder):
    """A cursor that records too, and is closed at the end of a `with` block."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._con.close()


def describe(con, name):
    return tuple((column, kind) for column, kind, *_ in con.execute(f"DESCRIBE {name}").fetchall())


def run_step(tmp_path, monkeypatch, **options):
    """Run the step and return what DuckDB says of each relation, and of a table with the declared columns."""
    described = {}

    @contextmanager
    def open_recording(**given):
        with open_duckdb(**given) as con:
            recorder = Recorder(con, described)
            yield recorder
            recorder.describe_all()
            recorder.compare_declared()

    monkeypatch.setattr(build_module, "open_duckdb", open_recording)
    for _ in build(window(), tmp_path, **options).lines:
        pass
    return described


OPTIONS = [
    {"ignored": IgnoredOptions("follows", -1, 9, 0)},
    {"ignored": IgnoredOptions("cluster", -1, 9, 0), "line_format": "blueprint"},
    {"ignored": None, "lines_without_text": False},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_columns_are_the_declared_ones(tmp_path, monkeypatch, options):
    described = run_step(tmp_path, monkeypatch, **options)

    assert {name: found for name, found in described.items() if len(found) != 1} == {}


def test_every_relation_of_the_step_is_declared_and_every_declared_one_exists(tmp_path, monkeypatch):
    found = set().union(*(run_step(tmp_path, monkeypatch, **options) for options in OPTIONS))

    assert found == set(DECLARED)


MODULES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in PACKAGE.glob("*.py")
    if path.stem not in {"relations", "assets", "__init__"}
}
GIVE_NAMES = {"register", "create_empty_table_sql"}


def find_sql(tree):
    """Return the strings of a module that are no docstrings, those in f-strings too."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def find_names_given(tree):
    """Return the names that are given to functions which create relations, in a call or in a loop around it."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    given = [one for call in calls if ast.unparse(call.func).split(".")[-1] in GIVE_NAMES for one in call.args]
    given += [one for loop in loops if "create_dataset_view(" in ast.unparse(loop) for one in ast.walk(loop.iter)]
    return {one.value for one in given if isinstance(one, ast.Constant)}


def find_modules(pattern, name):
    """Return the modules in whose SQL `pattern` is followed by `name`."""
    expression = re.compile(rf"{pattern} {name}\b")
    return {module for module, tree in MODULES.items() if any(map(expression.search, find_sql(tree)))}


@pytest.mark.parametrize("maker", RELATIONS)
def test_makers_and_readers_are_the_declared_ones(maker):
    for name, relation in RELATIONS[maker].items():
        makers = find_modules("CREATE (?:TEMP )?(?:TABLE|VIEW)", name)
        makers |= {module for module, tree in MODULES.items() if name in find_names_given(tree)}
        readers = find_modules("(?:(?<!DELETE )FROM|JOIN)", name)
        changers = find_modules("(?:UPDATE|INSERT INTO|DELETE FROM)", name)

        assert (name, makers) == (name, {maker})
        assert (name, readers - {maker}) == (name, set(relation.read_by))
        assert (name, changers - {maker}) == (name, set(relation.changed_by))
        assert readers, f"nothing reads {name}"


def test_a_relation_that_is_not_declared_cannot_be_created_empty():
    with pytest.raises(ValueError, match="not enough values"):
        create_empty_table_sql("nothing")
