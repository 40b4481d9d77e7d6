"""The rules of ARCHITECTURE.md that code can break without any other test noticing.

Each rule is a function from a syntax tree to what breaks it, and is itself tried on code that does.
"""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from persona_assets.definitions import STEPS

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "persona_assets"

# The packages of assets, and the sample that is made for them. They do not import each other.
OWNERS = {folder.name for folder in (PACKAGE / "assets").iterdir() if (folder / "__init__.py").is_file()} | {"sample"}
# Folders that only group packages and modules: a part of the package is what lies in them.
GROUPS = {"assets", "capture", "common"}
# What a pure module may import of the package beside its own part: modules that know neither Dagster nor settings.
PLAIN = {
    "account_ids",
    "action_counts",
    "archive",
    "bounded_scan",
    "capture_file",
    "chunked_writes",
    "collection_names",
    "columns",
    "consent",
    "database",
    "errors",
    "files",  # of a capture
    "forgotten_accounts",
    "freed_memory",
    "full_disk",
    "garbage_collector",
    "interrupts",
    "large_arrays",
    "content_file",
    "cpu_count",
    "lexicon",
    "line_tables",
    "map_layout",
    "markdown_cells",
    "parquet_checksums",
    "parquet_files",
    "personal_data",
    "pictures",
    "post_vectors",
    "post_words",
    "privacy",
    "pseudonyms",
    "text_encoder",
    "utc_times",
    "vector_chunks",
    "progress",
    "recording",
    "provenance",
    "sorting_in_slices",
    "stored_table",
    "tables",
    "worker_processes",
}
# Packages that several assets share, whose modules are pure as those of assets are.
SHARED = {
    "archive",
    "bounded_scan",
    "capture_file",
    "consent",
    "evaluation",
    "files",
    "forgotten_accounts",
    "personal_data",
    "post_vectors",
    "post_words",
    "privacy",
    "pseudonyms",
    "resource",
    "text_encoder",
    "zstd_dictionaries",
}
# Modules of these packages that are not pure, and why.
NOT_PURE = {
    "archive/client.py": "asks a server, and waits between its failures",
    "assets/dataset/gate_checks.py": "declares the checks of the asset, and yields their results",
    "capture/resource.py": "holds the resource that says where a capture is",
    "sample/demo.py": "the command that runs the graph, and says how long that took",
}
# Commands that run functions of asset packages without Dagster, and why.
RUNS_FUNCTIONS_OF_ASSETS = {
    "command_line/rehydrate.py": "reads a capture as raw_events and user_actions do, and fills the files of dataset",
}
# Modules that no test file mirrors, and why. Modules without a function need no reason.
NOT_MIRRORED: dict[str, str] = {}

MOST_LINES = 300  # of a module
MOST_FUNCTION_LINES = 60  # without docstrings
HEAVY = {
    "spacy",
    "torch",
    "transformers",
    "gensim",
    "sklearn",
    "matplotlib",
    "scipy",
    "jinja2",
    "s3fs",
    "dagster_webserver",
    "sqlalchemy",
}
# CPU time to load the definitions, of that to import Dagster, which is part of it: 2.7 was measured.
MOST_OF_DAGSTERS_IMPORT = 4
CLOCKS = {"now", "utcnow", "today"}

MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"), str(path))
    for path in sorted(PACKAGE.rglob("*.py"))
}


def part_of(name: str) -> str:
    """Return the part of the package that a module belongs to: `clusters` of `assets/clusters/fit.py`."""
    steps = name.removesuffix(".py").split("/")
    return steps[1] if steps[0] in GROUPS and len(steps) > 1 else steps[0]


PURE = [
    name
    for name in MODULES
    if part_of(name) in OWNERS | SHARED and not name.endswith(("/assets.py", "/__init__.py")) and name not in NOT_PURE
]


def find_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of all that is imported, wherever in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def find_parts(tree: ast.AST) -> set[str]:
    """Return the parts of the package that are imported."""
    prefix = "persona_assets."
    imported = [name.removeprefix(prefix) for name in find_imports(tree) if name.startswith(prefix)]
    return {part_of(name.replace(".", "/")) for name in imported}


def find_impurities(tree: ast.AST) -> list[str]:
    """Return what makes a module depend on more than its arguments."""
    found = [name for name in find_imports(tree) if name.split(".")[0] in {"dagster", "time"}]
    found += [name for name in find_imports(tree) if name in {"os.environ", "os.getenv"}]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            written = ast.unparse(node)
            if written in {"os.environ", "os.getenv"} or (node.attr in CLOCKS and "date" in written.lower() + "dt."):
                found.append(written)
        if isinstance(node, ast.Global):
            found.append(f"global {', '.join(node.names)}")
    return found


def find_unread_fields(tree: ast.Module) -> list[str]:
    """Return the fields of configs and resources that nothing in their module reads."""
    unread = []
    for found in ast.walk(tree):
        if isinstance(found, ast.ClassDef) and any("Config" in ast.unparse(base) for base in found.bases):
            fields = set(_find_fields(found))
            read = _read_through(found, {"self"})
            for function, names in _functions_that_take(tree, found.name):
                read |= fields if names & _names_spread(function) else _read_through(function, names)
            unread += [f"{found.name}.{field}" for field in sorted(fields - read)]
    return unread


def _find_fields(found: ast.ClassDef) -> list[str]:
    names = [
        node.target.id
        for node in found.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and not ast.unparse(node.annotation).startswith("ClassVar")
    ]
    return [name for name in names if not name.startswith("_")]


def _functions_that_take(tree: ast.AST, annotation: str) -> Iterator[tuple[ast.AST, set[str]]]:
    """Yield each function with its parameters of that annotation, if it has one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            taken = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            names = {
                arg.arg for arg in taken if arg.annotation is not None and ast.unparse(arg.annotation) == annotation
            }
            if names:
                yield node, names


def _names_spread(tree: ast.AST) -> set[str]:
    """Return what is passed on whole by `f(**config.model_dump())`: f refuses a field that is no parameter of its."""
    spread = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) != "dict"
        for keyword in node.keywords
        if keyword.arg is None
    ]
    return {
        written.removesuffix(".model_dump()")
        for written in map(ast.unparse, spread)
        if written.endswith(".model_dump()")
    }


def _read_through(tree: ast.AST, names: set[str]) -> set[str]:
    """Return the attributes that are read of variables called one of `names`."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names
    }


def find_settings_read(tree: ast.AST) -> set[str]:
    """Return the settings that a module reads: `from_setting("x")`, `read_settings().x`, or `.x` of a `Settings`."""
    read = set().union(*(_read_through(*taking) for taking in _functions_that_take(tree, "Settings")))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "from_setting":
            read |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "read_settings()":
            read.add(node.attr)
    return read


def find_functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each function with its number of lines, without decorators and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1 - sum(find_docstring_lengths(node))


def find_docstring_lengths(tree: ast.AST) -> Iterator[int]:
    """Yield the number of lines of each docstring of a function and of those in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node, clean=False):
            first = node.body[0]
            assert first.end_lineno is not None
            yield first.end_lineno - first.lineno + 1


def find_native_annotations(tree: ast.Module) -> list[str]:
    """Return annotations that name a class of DuckDB and are evaluated when their function is defined.

    A function that holds such a class keeps it until the process ends, and once torch is imported nanobind, which made
    both, then prints forty lines of what it calls leaks.
    """
    if "__future__.annotations" in set(find_imports(tree)):
        return []
    native = {name.rpartition(".")[2] for name in find_imports(tree) if name.startswith("duckdb")}
    annotations = [
        annotation
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if annotation is not None
    ]
    return [
        ast.unparse(annotation)
        for annotation in annotations
        if any(isinstance(part, ast.Name) and part.id in native | {"duckdb"} for part in ast.walk(annotation))
    ]


def mirror_of(name: str) -> str:
    """Return the test file that mirrors a module, below the tests' folder."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/test_{file.strip('_')}".lstrip("/").replace("__.py", ".py")


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_depend_on_their_arguments_alone(name):
    assert find_impurities(MODULES[name]) == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_import_only_plain_modules(name):
    assert find_parts(MODULES[name]) - PLAIN - {part_of(name)} == set()


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_no_asset_package_imports_another(package):
    parts = {part: name for name in MODULES if part_of(name) == package for part in find_parts(MODULES[name])}

    assert {part: name for part, name in parts.items() if part in OWNERS - {package}} == {}


def test_nothing_that_asset_packages_share_imports_one():
    below = [
        name
        for name in MODULES
        if part_of(name) not in OWNERS | {"automation", "definitions"} and name not in RUNS_FUNCTIONS_OF_ASSETS
    ]

    assert {name: parts for name in below if (parts := find_parts(MODULES[name]) & OWNERS)} == {}


def test_every_asset_package_has_a_docstring():
    contracts = {part_of(name.removesuffix("/__init__.py")): MODULES[name] for name in MODULES if "__init__" in name}

    assert [package for package in sorted(OWNERS) if not ast.get_docstring(contracts.get(package, ast.parse("")))] == []


def test_every_step_of_the_graph_has_a_package_and_says_what_it_stores():
    assert set(STEPS) == OWNERS - {"sample"}
    assert [step for step in STEPS if f"assets/{step}/stored_tables.py" not in MODULES] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_field_of_a_config_is_read(name):
    assert find_unread_fields(MODULES[name]) == []


def test_every_setting_is_read():
    (settings,) = [node for node in MODULES["settings.py"].body if isinstance(node, ast.ClassDef)]
    read = set().union(*(find_settings_read(tree) for name, tree in MODULES.items() if name != "settings.py"))

    # `threads` is read before the libraries that it is for are loaded.
    assert 'limit_threads(os.environ, variable="PERSONA_THREADS")' in (
        ROOT / "persona_assets" / "__init__.py"
    ).read_text(encoding="utf-8")
    assert [field for field in _find_fields(settings) if field not in read | {"model_config"}] == []


def test_every_module_is_mirrored_by_a_test_file():
    modules = [name for name, tree in MODULES.items() if any(find_functions(tree)) and not name.endswith("__init__.py")]

    assert [name for name in modules if name not in NOT_MIRRORED and not (TESTS / mirror_of(name)).is_file()] == []


def test_exceptions_are_of_modules_that_exist_and_need_them():
    assert [name for name in (*NOT_PURE, *NOT_MIRRORED) if name not in MODULES] == []
    assert [name for name in NOT_PURE if not find_impurities(MODULES[name])] == []
    assert [name for name in NOT_MIRRORED if (TESTS / mirror_of(name)).is_file()] == []


def test_modules_are_small():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}

    assert {path.name: length for path, length in lengths.items() if length > MOST_LINES} == {}


@pytest.mark.parametrize("name", MODULES)
def test_functions_are_small(name):
    assert {function: lines for function, lines in find_functions(MODULES[name]) if lines > MOST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("name", MODULES)
def test_modules_that_define_assets_keep_their_annotations(name):
    imports = set(find_imports(MODULES[name]))

    assert "__future__.annotations" not in imports or "dagster" not in imports


@pytest.mark.parametrize("name", MODULES)
def test_annotations_have_no_class_of_duckdb(name):
    assert find_native_annotations(MODULES[name]) == []


def test_every_noqa_has_a_reason():
    bare = re.compile(r"#\s*noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?\s*$")
    files = [path for folder in (PACKAGE, TESTS, ROOT / "benchmarks") for path in folder.rglob("*.py")]

    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ] == []


@pytest.mark.parametrize(("given", "expected"), [({}, "10000"), ({"MIMALLOC_PURGE_DELAY": "10"}, "10")])
def test_the_allocator_is_told_before_pyarrow_is_imported_to_keep_its_memory(tmp_path, given, expected):
    program = (
        "import os, sys, persona_assets; print('pyarrow' in sys.modules, os.environ['MIMALLOC_PURGE_DELAY']); "
        "import persona_assets.definitions; assert 'pyarrow' in sys.modules"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MIMALLOC_PURGE_DELAY"}

    told = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )

    assert told.stdout.split() == ["False", expected]


def test_definitions_load_without_heavy_libraries_in_few_times_the_cpu_of_dagster(tmp_path):
    program = (
        "import json, sys, time; import {module}; "
        "print(json.dumps([time.process_time(), sorted({{name.split('.')[0] for name in sys.modules}})]))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PERSONA_")}

    def load(module: str) -> tuple[float, list[str]]:
        loaded = subprocess.run(
            [sys.executable, "-c", program.format(module=module)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert loaded.returncode == 0, loaded.stderr
        return json.loads(loaded.stdout.splitlines()[-1])

    # The first time may compile modules: the best of some counts. A slow or busy machine swells both times.
    loads = [(load("persona_assets.definitions"), load("dagster")) for _ in range(4)]

    assert HEAVY & set(loads[0][0][1]) == set()
    ours, dagsters = (min(seconds for seconds, _ in times) for times in zip(*loads, strict=True))
    assert ours < MOST_OF_DAGSTERS_IMPORT * dagsters


@pytest.mark.parametrize(
    "code",
    [
        "import dagster as dg",
        "from dagster import asset",
        "def f():\n    import time",
        "from time import monotonic",
        "import os\nx = os.environ['A']",
        "import os\nx = os.getenv('A')",
        "from os import environ",
        "import datetime as dt\nx = dt.datetime.now(dt.UTC)",
        "import datetime as dt\nx = dt.date.today()",
        "from datetime import datetime\nx = datetime.utcnow()",
        "def f():\n    global cache\n    cache = 1",
    ],
)
def test_impure_code_is_detected(code):
    assert find_impurities(ast.parse(code))


def test_imports_between_asset_packages_are_detected_anywhere_in_a_module():
    code = (
        "from persona_assets import tables\nfrom persona_assets.assets import clusters\n"
        "from persona_assets.common import database\ndef f():\n    import persona_assets.assets.embeddings.embed"
    )

    assert find_parts(ast.parse(code)) == {"tables", "clusters", "database", "embeddings"}


def test_an_unread_config_field_is_detected():
    code = """
class FitConfig(dg.Config):
    seed: int = 0
    starts: int = 4

def asset(config: FitConfig, other: object):
    return config.seed, other.starts

def another(config: OtherConfig):
    return config.starts
"""

    assert find_unread_fields(ast.parse(code)) == ["FitConfig.starts"]


@pytest.mark.parametrize(
    ("use", "unread"),
    [("fit(**config.model_dump())", 0), ("dict(**config.model_dump())", 1), ("log(config.model_dump())", 1)],
)
def test_a_config_is_read_whole_where_it_is_spread_over_parameters(use, unread):
    code = f"class FitConfig(dg.Config):\n    seed: int = 0\ndef asset(config: FitConfig):\n    {use}"

    assert len(find_unread_fields(ast.parse(code))) == unread


def test_a_setting_counts_as_read_however_it_is_read():
    code = """
x = from_setting("seed")
y = read_settings().data
def build(settings: Settings, other: object):
    return settings.executor, other.device
"""

    assert find_settings_read(ast.parse(code)) == {"seed", "data", "executor"}


@pytest.mark.parametrize(
    "code",
    [
        "import duckdb\ndef f(con: duckdb.DuckDBPyConnection): ...",
        "import duckdb\ndef f() -> Iterator[duckdb.DuckDBPyRelation]: ...",
        "from duckdb import DuckDBPyConnection\ndef f(*, con: DuckDBPyConnection | None): ...",
        "import duckdb\nclass A:\n    con: duckdb.DuckDBPyConnection",
    ],
)
def test_annotations_with_a_class_of_duckdb_are_detected(code):
    assert find_native_annotations(ast.parse(code))
    assert not find_native_annotations(ast.parse(f"from __future__ import annotations\n{code}"))


def test_a_docstring_is_no_part_of_a_functions_length():
    code = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1'

    assert list(find_functions(ast.parse(code))) == [("f", 2)]


def test_tests_mirror_modules_file_for_file():
    assert mirror_of("tables.py") == "test_tables.py"
    assert mirror_of("assets/clusters/fit.py") == "assets/clusters/test_fit.py"
    assert mirror_of("sample/__main__.py") == "sample/test_main.py"
