"""Every stored file loads in pandas, Polars, DuckDB and datasets, as documented."""

import csv
import datetime as dt
import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import datasets
import duckdb
import jsonschema
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import zstandard
from datasets import Dataset, Features, Json, Value, load_dataset

from persona_assets import tables
from persona_assets.assets.cluster_jsonl.stored_tables import IGNORED_EVIDENCE
from persona_assets.common.line_tables import LINE_TABLES
from persona_assets.common.parquet_files import write_parquet
from persona_assets.common.provenance import read_provenance
from persona_assets.definitions import build_definitions
from persona_assets.io_managers.persona_files import SMALL_TABLES, ZSTD_SUFFIX
from persona_assets.sample.write import write_capture
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import make_model
from persona_assets_tests.whole_graph import LINEAGE_ASSETS

pytestmark = [pytest.mark.model, pytest.mark.slow]

DAYS = [dt.date(2025, 3, day) for day in (1, 2, 3)]
FOLDERS = [
    "raw_events",
    "rejected_lines",
    "consent_records",
    "deleted_posts",
    "user_actions",
    "english_posts",
    "english_users",
    "embeddings",
    "clusters",
    "persona_phrases",
    "user_assignments",
    "cluster_centres",
    "cluster_certainty",
]
FORMS = [(form, compression) for form in ("arrays", "blueprint") for compression in ("none", "zstd")]
LAST = str(DAYS[-1])


class Loaded(NamedTuple):
    """A table as a library has loaded it."""

    columns: list[str]
    days: list[dt.date]  # of the rows


class World(NamedTuple):
    """Results for three days, and for the last one in other line formats."""

    data: Path
    forms: dict[tuple[str, str], Path]


@pytest.fixture(scope="module", autouse=True)
def quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    root = tmp_path_factory.mktemp("world")
    write_capture(root / "capture", days=3, start_date=DAYS[0], users=120, personas=3, seed=3)
    environment = {
        "PERSONA_CAPTURE": str(root / "capture"),
        "PERSONA_DATA": str(root / "data"),
        "PERSONA_MODEL": str(make_model(root / "model")),
        "PERSONA_DEVICE": "cpu",
        "PERSONA_WORKERS": "1",
        "PERSONA_N_CLUSTERS": "3,2",
        "PERSONA_ADD_IGNORED_MESSAGES": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for day in DAYS:
            materialize(str(day))
        forms = {FORMS[0]: root / "data"}
        for form, compression in FORMS[1:]:
            forms[form, compression] = shutil.copytree(root / "data", root / f"{form}-{compression}")
            patch.setenv("PERSONA_DATA", str(forms[form, compression]))
            patch.setenv("PERSONA_CLUSTER_FORMAT", form)
            patch.setenv("PERSONA_CLUSTER_COMPRESSION", compression)
            patch.setenv("PERSONA_SHOW_POSTS", "false")
            materialize(LAST, "cluster_jsonl", "cluster_stats")
    return World(root / "data", forms)


def materialize(day, *assets):
    job = build_definitions(read_settings()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        selection = [dg.AssetKey(asset) for asset in assets] or None
        assert job.execute_in_process(partition_key=day, instance=instance, asset_selection=selection).success


def by_pandas(place, _):
    table = pd.concat([pd.read_parquet(file) for file in sorted(place.parent.glob(place.name))])
    return Loaded(list(table.columns), table["day"].tolist())


def by_pandas_folder(place, _):
    table = pd.read_parquet(place.parent)
    return Loaded(list(table.columns), table["day"].tolist())


def by_polars(place, _):
    table = pl.read_parquet(place)
    return Loaded(table.columns, table["day"].to_list())


def by_duckdb(place, _):
    with duckdb.connect() as con:
        table = con.sql(f"SELECT * FROM '{place}'")  # noqa: S608 - a path of this test
        return Loaded(table.columns, [row[table.columns.index("day")] for row in table.fetchall()])


def by_datasets(place, cache):
    table = load_dataset("parquet", data_files=str(place), split="train", cache_dir=str(cache))
    return Loaded(table.column_names, list(table["day"]))


def by_pyarrow_folder(place, _):
    table = pads.dataset(place.parent).to_table()
    return Loaded(table.column_names, table["day"].to_pylist())


def by_polars_folder(place, _):
    table = pl.read_parquet(place.parent)
    return Loaded(table.columns, table["day"].to_list())


def by_duckdb_below(place, cache):
    return by_duckdb(place.parent / "**" / "*.parquet", cache)


LIBRARIES = [by_pandas, by_polars, by_duckdb, by_datasets]
OF_FOLDERS = [*LIBRARIES, by_pandas_folder, by_pyarrow_folder, by_polars_folder, by_duckdb_below]


@pytest.mark.parametrize("load", OF_FOLDERS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_files_of_three_days_read_as_one_table_with_a_column_day(load, folder, world, tmp_path):
    stored = [pq.read_table(world.data / folder / f"{day}.parquet", partitioning=None) for day in DAYS]

    loaded = load(world.data / folder / "*.parquet", tmp_path)

    assert loaded.columns == stored[0].column_names
    assert loaded.columns[-1] == "day"
    assert loaded.days == [day for day, table in zip(DAYS, stored, strict=True) for _ in range(table.num_rows)]


@pytest.mark.parametrize("load", LIBRARIES[1:])
@pytest.mark.parametrize(
    "table",
    [
        *(f"cluster_jsonl/*/{name}" for name in (*SMALL_TABLES, *LINE_TABLES, "ignored")),
        "cluster_stats/*/cluster_stats",
        "cluster_stats/*/map_positions",
        "agent_profiles/*/agents",
        "agent_profiles/*/agent_edges",
    ],
)
def test_tables_in_the_folders_of_three_days_are_one_table_too(load, table, world, tmp_path):
    loaded = load(world.data / f"{table}.parquet", tmp_path)

    assert sorted(set(loaded.days)) == DAYS


@pytest.mark.parametrize("load", LIBRARIES)
def test_every_stored_table_loads(load, world, tmp_path):
    stored = sorted(world.data.rglob("*.parquet"))
    of_data_sets = [file for file in stored if file.is_relative_to(world.data / "dataset")]
    # Beside them ignored, cluster_stats, map_positions, agents and agent_edges of each day; consents, lineage,
    # persona_labels over all.
    others = 3 * (len(FOLDERS) + len(SMALL_TABLES) + len(LINE_TABLES) + 5) + 3
    assert len(stored) == others + len(of_data_sets)
    assert of_data_sets

    for file in stored:
        metadata = pq.read_metadata(file)
        if file.name == "consents.parquet":  # over all days: it has no column `day`
            assert len(pl.read_parquet(file)) == metadata.num_rows > 0
            continue
        if metadata.num_rows == 0 and load is by_datasets:  # datasets makes no split of a file without rows
            continue
        loaded = load(file, tmp_path)
        assert (len(loaded.days), loaded.columns) == (metadata.num_rows, metadata.schema.to_arrow_schema().names), file


def test_the_folder_of_a_table_has_only_files_of_days(world):
    for folder in FOLDERS:
        assert sorted(path.name for path in (world.data / folder).iterdir()) == [f"{day}.parquet" for day in DAYS]


def without_nulls(value):
    """Drop None values: a key that is missing in JSON is null in a table."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


def arrays_by_pandas(file, _):
    # `read_json(lines=True)` pads lines to the longest one, which pandas 4 will refuse. JSON has no control characters.
    return pd.read_csv(file, sep="\x01", header=None, quoting=csv.QUOTE_NONE)[0].map(json.loads).tolist()


def arrays_by_polars(file, _):
    return pl.read_lines(file)["line"].str.json_decode(infer_schema_length=None).to_list()


def arrays_by_duckdb(file, _):
    with duckdb.connect() as con:
        options = "format='newline_delimited', records=false, sample_size=-1"
        return [line for (line,) in con.sql(f"SELECT * FROM read_json('{file}', {options})").fetchall()]  # noqa: S608 - a path of this test


def arrays_by_datasets(file, cache):
    features = Features({"text": Json()})
    lines = load_dataset("text", data_files=str(file), split="train", features=features, cache_dir=str(cache))
    return list(lines["text"])


def blueprint_by_pandas(file, _):
    return pd.read_json(file, lines=True).to_dict("records")


def blueprint_by_polars(file, _):
    return pl.read_ndjson(file, infer_schema_length=None).to_dicts()


def blueprint_by_duckdb(file, _):
    with duckdb.connect() as con:
        lines = con.sql(f"SELECT * FROM read_json('{file}', sample_size=-1)")  # noqa: S608 - a path of this test
        return [dict(zip(lines.columns, line, strict=True)) for line in lines.fetchall()]


def blueprint_by_datasets(file, cache):
    return list(load_dataset("json", data_files=str(file), split="train", cache_dir=str(cache)))


def blueprint_by_datasets_with_features(file, cache):
    features = Features({"thread": Json(), "cluster_id": Value("int32")})
    return list(load_dataset("json", data_files=str(file), split="train", features=features, cache_dir=str(cache)))


OF_ARRAYS = [arrays_by_pandas, arrays_by_polars, arrays_by_duckdb, arrays_by_datasets]
OF_BLUEPRINT = [
    blueprint_by_pandas,
    blueprint_by_polars,
    blueprint_by_duckdb,
    blueprint_by_datasets,
    blueprint_by_datasets_with_features,
]
READERS = [*(("arrays", reader) for reader in OF_ARRAYS), *(("blueprint", reader) for reader in OF_BLUEPRINT)]


@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize(("form", "read"), READERS)
def test_lines_load_as_they_are(form, read, compression, world, tmp_path):
    folder = world.forms[form, compression] / "cluster_jsonl" / LAST
    found = sorted(folder.glob("cluster_*.jsonl*"))
    assert [file.name for file in found] == [
        f"cluster_{number}.jsonl{ZSTD_SUFFIX if compression == 'zstd' else ''}" for number in range(3)
    ]

    for file in found:
        content = file.read_bytes()
        plain = zstandard.ZstdDecompressor().decompress(content) if compression == "zstd" else content
        assert without_nulls(read(file, tmp_path)) == [json.loads(line) for line in plain.splitlines()]


def write_late(file: Path, form: str, *, lines: int, text: str) -> list[object]:
    """Write a file in which only the last line has an action."""
    time = "unix_epoch" if form == "arrays" else "relative_integer_time"
    said = {"user_id": "did:plc:a", "text": text, time: 1}
    done = {"user_id": "did:plc:b", "actions": {"like": True, "quote": False}, time: 2}
    given = [[said]] * lines + [[said, done]]
    if form == "blueprint":
        given = [{"thread": line, "cluster_id": 0} for line in given]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in given), encoding="utf-8")
    return given


@pytest.mark.parametrize(("form", "read"), READERS)
def test_lines_load_where_the_first_action_comes_late(form, read, tmp_path):
    long = read is not blueprint_by_datasets  # which infers the keys from the first 10 MiB
    given = write_late(tmp_path / "cluster_0.jsonl", form, lines=25_000, text="x" * (500 if long else 100))

    assert without_nulls(read(tmp_path / "cluster_0.jsonl", tmp_path / "cache")) == given


@pytest.mark.parametrize("read", [*OF_ARRAYS, *OF_BLUEPRINT])
def test_a_file_without_lines_loads_or_is_refused_as_the_documents_say(read, tmp_path):
    file = tmp_path / "cluster_0.jsonl"
    file.touch()
    refusals = {
        arrays_by_pandas: pd.errors.EmptyDataError,
        blueprint_by_polars: pl.exceptions.ComputeError,
        arrays_by_datasets: ValueError,
        blueprint_by_datasets: StopIteration,
        blueprint_by_datasets_with_features: ValueError,
    }

    if read in refusals:
        with pytest.raises(refusals[read]):
            read(file, tmp_path / "cache")
    else:
        assert read(file, tmp_path / "cache") == []


@pytest.mark.parametrize("table", [*FOLDERS[:-2], *SMALL_TABLES, "ignored"])
def test_a_table_without_rows_loads_by_itself_and_among_other_days(table, tmp_path):
    schema = (
        {**SMALL_TABLES, "ignored": IGNORED_EVIDENCE}.get(table)
        or tables.expected_schema(table, tables.embeddings_schema(4))
    )  # fmt: skip
    empty, other = schema.empty_table(), pa.Table.from_pylist([row_of(schema)], schema=schema)
    for day, rows in zip(DAYS, (empty, other, empty), strict=True):
        write_parquet(tmp_path / f"{day}.parquet", schema, [rows], day_column=day)

    for load in LIBRARIES:
        assert load(tmp_path / "*.parquet", tmp_path / "cache").days == [DAYS[1]]
    alone = tmp_path / f"{DAYS[0]}.parquet"
    for load in (by_pandas, by_polars, by_duckdb):
        assert load(alone, tmp_path) == Loaded([*schema.names, "day"], [])
    assert Dataset(pq.read_table(alone)).column_names == [*schema.names, "day"]
    with pytest.raises(ValueError, match="corresponds to no data"):  # datasets makes no split of no rows
        by_datasets(alone, tmp_path / "cache")


def row_of(schema):
    """Return a row with a value in each column."""
    examples = {"string": "a", "binary": b"a", "bool": True, "double": 0.5, "float": 0.5}
    return {
        field.name: [0.5] * field.type.list_size if pa.types.is_fixed_size_list(field.type)
        else ["a"] if pa.types.is_list(field.type)
        else "a" if pa.types.is_dictionary(field.type)
        else examples.get(str(field.type), 1)
        for field in schema
    }  # fmt: skip


def test_the_users_of_clusters_load(world):
    file = world.data / "cluster_jsonl" / LAST / "user_clusters.json"
    users = json.loads(file.read_text(encoding="utf-8"))

    assert pd.read_json(file, typ="series").to_dict() == users
    clusters = pq.read_table(world.data / "clusters" / f"{LAST}.parquet")
    assert dict(zip(clusters["user_id"].to_pylist(), clusters["cluster_id"].to_pylist(), strict=True)) == users


def test_statistics_load_a_row_a_cluster(world, tmp_path):
    file = world.data / "cluster_stats" / LAST / "stats.json"
    clusters = json.loads(file.read_text(encoding="utf-8"))["clusters"]
    labels = [cluster["label"] for cluster in clusters]

    assert pd.json_normalize(clusters)["label"].tolist() == labels
    assert pl.read_json(file)["clusters"].explode().struct.unnest()["label"].to_list() == labels
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT c.label FROM (SELECT unnest(clusters) AS c FROM '{file}')").fetchall()  # noqa: S608 - a path of this test
    assert [label for (label,) in rows] == labels
    loaded = load_dataset("json", data_files=str(file), field="clusters", split="train", cache_dir=str(tmp_path))
    assert list(loaded["label"]) == labels


def test_statistics_match_their_json_schema(world):
    schema = json.loads(
        files("persona_assets.assets.cluster_stats").joinpath("stats.schema.json").read_text(encoding="utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())

    stored = [data / "cluster_stats" / str(day) / "stats.json" for data in world.forms.values() for day in DAYS]
    for file in stored:
        validator.validate(json.loads(file.read_text(encoding="utf-8")))
    with_posts, without = (json.loads(stored[place].read_text(encoding="utf-8")) for place in (2, -1))
    assert "text" in with_posts["clusters"][0]["medoids"][0]
    assert "text" not in without["clusters"][0]["medoids"][0]
    assert with_posts["totals"]["ignore"] > 0


def test_every_file_has_provenance(world):
    noted = {
        file: read_provenance(pq.read_schema(file))
        for file in sorted(world.data.rglob("*.parquet"))
        if not file.is_relative_to(world.data / "dataset")  # its card says how it was made
    }
    stats = world.data / "cluster_stats" / LAST / "stats.json"
    noted[stats] = json.loads(stats.read_text(encoding="utf-8"))["provenance"]

    # Lineage has no partition; the provenance of its days is in their own files.
    assert [str(file) for file, made in noted.items() if made is None and file.stem not in LINEAGE_ASSETS] == []
    for made in (noted[world.data / "clusters" / f"{LAST}.parquet"], noted[stats]):
        assert made["window"] == {"from": str(DAYS[0]), "to": LAST, "days": 3, "missing": []}
        (clusters,) = made["steps"]["clusters"]
        assert (clusters["settings"]["n_clusters"], clusters["settings"]["seed"]) == ([2, 3], 0)
        assert {"persona_assets", "scikit-learn"} <= set(clusters["versions"])
        (embeddings,) = made["steps"]["embeddings"]
        assert embeddings["settings"]["model"] == "local folder"
        assert {"model_revision", "max_tokens"} <= set(embeddings["settings"])
