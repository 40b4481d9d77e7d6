"""Settings, names and links in the documents are correct. `test_docs_run.py` runs their commands."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.dataset.release_schemas import PAIRED_FORMS
from persona_assets.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
MOST_LINES_OF_README = 80
# Other variables with the prefix, which the documents show as examples of errors.
NO_SETTINGS: set[str] = set()


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


write_reference = load_script("write_reference")


@pytest.fixture(scope="module")
def reference():
    return write_reference.write_pages()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documents as web pages. The build fails on a broken link or anchor."""
    place = tmp_path_factory.mktemp("site")
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    command = [sys.executable, "-m", "sphinx", "-c", "docs", *options, "--doctree-dir", str(place / "doctrees")]
    built = subprocess.run(
        [*command, ".", str(place / "html")], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert built.returncode == 0, built.stderr
    return place / "html"


@pytest.mark.parametrize("page", ["settings.md", "tables.md", "graph.md"])
def test_pages_of_reference_are_what_the_code_says(page, reference):
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")

    assert written == reference[page], "run `make docs` and look at what changes"


def test_the_reference_has_every_setting_table_and_asset_check(reference):
    assert all(f"| `{PREFIX}{name.upper()}` |" in reference["settings.md"] for name in Settings.model_fields)
    schemas = [value for value in vars(tables).values() if isinstance(value, pa.Schema)]
    described = [table.schema for table in write_reference.collect_tables()]
    assert [schema for schema in schemas if schema not in described] == []
    assert "`few_lines_are_rejected` | warns" in reference["graph.md"]
    assert "`every_line_is_accounted_for` | stops the run" in reference["graph.md"]


def test_the_reference_has_the_columns_of_every_file_that_is_stored(undisturbed):
    files = list(undisturbed.rglob("*.parquet"))
    described = {table.files: table.stored_schema.names for table in write_reference.collect_tables()}
    names = {file: re.sub(r"\d{4}-\d\d-\d\d", "<day>", file.relative_to(undisturbed).as_posix()) for file in files}
    shard = re.compile(r"persona_\d+/[a-z]+-\d{5}-of-\d{5}")
    stored = {shard.sub("persona_<N>/<split>-*", name): pq.read_schema(file).names for file, name in names.items()}

    assert {name: columns for name, columns in stored.items() if described.get(name) != columns} == {}
    # If there are few days, the number of clusters is given, and only the default forms of a data set are made.
    assert set(described) - set(stored) == {
        "compacted_statements.parquet",
        "cluster_curve/<day>.parquet",
        *(f"dataset/<day>/data/{form}/persona_<N>/<split>-*.parquet" for form in PAIRED_FORMS),
    }


def test_every_column_of_the_reference_has_a_meaning(reference):
    rows = [line for line in reference["tables.md"].splitlines() if line.startswith("| `")]

    assert rows
    assert [row for row in rows if row.endswith("|  |")] == []


def test_documents_name_settings_that_exist():
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | NO_SETTINGS
    named = {
        (document.name, name)
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"
        for name in re.findall(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]", document.read_text(encoding="utf-8"))
    }

    assert {(document, name) for document, name in named if name not in known} == set()


def test_links_between_documents_and_their_headings_lead_somewhere(site):
    assert (site / "index.html").is_file()
    assert (site / "docs" / "index.html").is_file()
    assert (site / "README.html").is_file()


def test_every_page_is_in_the_list_of_documents_and_in_the_readme():
    listed = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/index.md")}
    # Decision records have their own index, which `test_adr.py` checks.
    records = {*(DOCS / "adr").glob("[0-9]*.md"), DOCS / "index.md"}
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page not in records]

    assert "adr/index.md" in pages
    assert [page for page in pages if f"](docs/{page}" not in listed["README.md"]] == []
    assert [page for page in pages if f"]({page}" not in listed["docs/index.md"]] == []


def find_fetched(text: str) -> list[str]:
    """Return the resources that a page or a style sheet loads from another host."""
    elements = r"""<(?:link|script|img|iframe|source)\b[^>]*?(?:href|src)=["']((?:https?:)?//[^"']+)"""
    styles = r"""(?:@import\s+|url\()["']?((?:https?:)?//[^"')]+)"""
    return re.findall(elements, text) + re.findall(styles, text)


def test_pages_fetch_nothing_from_another_host(site):
    files = [*site.rglob("*.html"), *site.rglob("*.css")]

    assert len(files) > len(DOCUMENTS)
    assert {file.name: hosts for file in files if (hosts := find_fetched(file.read_text(encoding="utf-8")))} == {}


def test_external_resources_of_a_page_are_detected():
    page = """<link rel="stylesheet" href="https://a.example/x.css"><script src='//b.example/x.js'></script>
        <a href="https://c.example">c</a><style>@import url(https://d.example/x); p {background: url("e.png")}"""

    assert find_fetched(page) == ["https://a.example/x.css", "//b.example/x.js", "https://d.example/x"]


def test_the_readme_is_one_screen():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_README


def test_the_tests_that_hold_an_invariant_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

    named = set(re.findall(r"`((?:\w+/)?test_\w+\.py)`", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / "persona_assets_tests" / name).exists()] == []


def test_make_targets_that_the_documents_name_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {
        target
        for document in DOCUMENTS
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }

    assert {"demo", "dev", "test", "check", "docs"} <= named
    assert [target for target in sorted(named) if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)] == []


def test_the_ten_settings_have_their_defaults():
    ten, _, _ = (DOCS / "settings.md").read_text(encoding="utf-8").partition("\n## Set them")
    rows = re.findall(r"^\| `PERSONA_(\w+)` \| `([^`]+)` \|", ten, flags=re.MULTILINE)

    assert len(rows) >= 8
    assert [name for name, default in rows if str(Settings.model_fields[name.lower()].default) != default] == []


def test_documents_name_jobs_that_exist(reference):
    jobs = set(re.findall(r"^\| `(\w+)` \| [A-Z]", reference["graph.md"], flags=re.MULTILINE))
    named = {
        name
        for document in DOCUMENTS
        for name in re.findall(r"(?:--job|-j) (\w+)", document.read_text(encoding="utf-8"))
    }

    assert named
    assert named <= jobs


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_documents_name_no_folder_of_a_machine(page):
    text = page.read_text(encoding="utf-8")

    assert not re.search(r"(?<![\w./])/(?:home|root|tmp|work)/", text)
