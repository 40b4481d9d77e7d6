"""The IO manager for tables: schemas, windows as one dataset, missing days, side tables and damage."""

import datetime as dt
import os
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.common.parquet_files import write_parquet
from persona_assets.errors import MissingPartitionError, SchemaError, StorageError
from persona_assets.io_managers.parquet_tables import (
    NO_RETRY,
    DatasetWithSideTables,
    ParquetIOManager,
    WithSideTables,
    metadata_to_load_all_stored_days,
)
from persona_assets.partitions import daily_partitions, trailing_window

FIRST = dt.date(2025, 3, 1)
DAYS = daily_partitions(FIRST)
CENTRES = {
    "cluster_centres": pa.Table.from_pylist(
        [{"cluster_id": 0, "users": 1, "centre": [1.0, 0.0]}], schema=tables.centres_schema(2)
    )
}


def clusters(*users: str) -> pa.Table:
    rows = [{"user_id": user, "cluster_id": 0, "similarity": 1.0} for user in users]
    return pa.Table.from_pylist(rows, schema=tables.CLUSTERS)


def vectors(width: int) -> pa.Table:
    row = {"uri": "at://a/b/c", "user_id": "a", "vector": [1.0] + [0.0] * (width - 1)}
    return pa.Table.from_pylist([row], schema=tables.embeddings_schema(width, pa.float32()))


def asset_of(name: str, value):
    """Return an asset that stores `value`, or the item of `value` for the day if it is a dict."""

    @dg.asset(name=name, partitions_def=DAYS)
    def made(context):
        return dg.MaterializeResult(value=value[context.partition_key] if isinstance(value, dict) else value)

    return made


def reader_of(name: str, seen: list, *, window_days: int):
    @dg.asset(partitions_def=DAYS, ins={name: dg.AssetIn(partition_mapping=trailing_window(window_days))})
    def reader(**inputs: pads.Dataset) -> None:
        seen.append(inputs[name])

    return reader


def flip_a_bit(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(bytes(content))


def run(assets, *, day: str, base: Path | str, select=None):
    return dg.materialize(
        assets,
        selection=select,
        partition_key=day,
        resources={"io_manager": ParquetIOManager(base=str(base))},
        instance=dg.DagsterInstance.ephemeral(),
    )


@pytest.fixture(params=["local", "memory"])
def base(request, tmp_path):
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def test_a_window_of_any_length_is_one_dataset(base):
    made, seen = asset_of("clusters", {f"2025-03-0{n}": clusters(f"u{n}") for n in (1, 2, 3)}), []
    for day in ("2025-03-01", "2025-03-02", "2025-03-03"):
        run([made, reader_of("clusters", seen, window_days=3)], day=day, base=base)

    assert [dataset.to_table()["user_id"].to_pylist() for dataset in seen] == [["u1"], ["u1", "u2"], ["u1", "u2", "u3"]]
    assert all(dataset.schema == tables.CLUSTERS for dataset in seen)


def test_a_missing_day_of_the_window_is_logged(tmp_path, capfd):
    made, seen = asset_of("clusters", clusters("u")), []
    for day in ("2025-03-01", "2025-03-03"):
        run([made], day=day, base=tmp_path)
    reader = reader_of("clusters", seen, window_days=3)

    run([made, reader], day="2025-03-03", base=tmp_path, select=[reader])

    assert seen[0].count_rows() == 2
    assert "clusters: 1 of 3 days are missing: 2025-03-02" in capfd.readouterr().err


def test_the_error_for_a_missing_last_day_has_the_command_for_it(tmp_path):
    made, seen = asset_of("clusters", clusters("u")), []
    run([made], day="2025-03-01", base=tmp_path)
    reader = reader_of("clusters", seen, window_days=3)

    with pytest.raises(MissingPartitionError, match="dg launch --assets clusters --partition 2025-03-02"):
        run([made, reader], day="2025-03-02", base=tmp_path, select=[reader])


def test_a_table_with_another_schema_is_not_written(tmp_path):
    wrong = clusters("u").rename_columns(["user", "cluster_id", "similarity"])

    with pytest.raises(SchemaError, match="clusters: .*user_id: string not null"):
        run([asset_of("clusters", wrong)], day="2025-03-01", base=tmp_path)

    assert list(tmp_path.rglob("*.parquet")) == []


def test_days_with_vectors_of_different_width_are_an_error(tmp_path):
    made, seen = asset_of("embeddings", {"2025-03-01": vectors(4), "2025-03-02": vectors(8)}), []
    for day in ("2025-03-01", "2025-03-02"):
        run([made], day=day, base=tmp_path)
    reader = reader_of("embeddings", seen, window_days=2)

    with pytest.raises(SchemaError, match="materialize embeddings for all days of the window"):
        run([made, reader], day="2025-03-02", base=tmp_path, select=[reader])


def test_a_damaged_file_is_named(tmp_path):
    made, seen = asset_of("clusters", clusters("u")), []
    run([made], day="2025-03-01", base=tmp_path)
    file = tmp_path / "clusters" / "2025-03-01.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    reader = reader_of("clusters", seen, window_days=1)

    with pytest.raises(StorageError, match="2025-03-01.parquet is not a whole Parquet file: materialize"):
        run([made, reader], day="2025-03-01", base=tmp_path, select=[reader])


@pytest.mark.parametrize("place", ["the middle", "the footer", "a side table"])
def test_one_flipped_bit_is_detected_before_the_step_starts(tmp_path, place):
    centre = {"cluster_id": 0, "users": 1, "centre": [1.0, 0.0]}
    centres = pa.Table.from_pylist([centre], schema=tables.centres_schema(2))
    made = asset_of("clusters", WithSideTables(clusters(*(f"u{n}" for n in range(1000))), {"cluster_centres": centres}))
    run([made], day="2025-03-01", base=tmp_path)
    file = tmp_path / ("cluster_centres" if place == "a side table" else "clusters") / "2025-03-01.parquet"
    flip_a_bit(file, file.stat().st_size - 200 if place == "the footer" else file.stat().st_size // 4)

    @dg.asset(ins={"clusters": dg.AssetIn(metadata=metadata_to_load_all_stored_days("cluster_centres"))})
    def reader(clusters):
        pytest.fail(f"{clusters} is not what was written")

    with pytest.raises(StorageError, match=f"{file} is damaged: .* Materialize this partition again"):
        dg.materialize(
            [made, reader], selection=[reader], resources={"io_manager": ParquetIOManager(base=str(tmp_path))}
        )


def test_a_file_that_is_damaged_after_it_was_read_once_is_detected(tmp_path):
    made, seen = asset_of("clusters", clusters("u")), []
    reader = reader_of("clusters", seen, window_days=1)
    run([made, reader], day="2025-03-01", base=tmp_path)
    file = tmp_path / "clusters" / "2025-03-01.parquet"
    before = file.stat()
    flip_a_bit(file, 40)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # damage on a disk changes no modification time

    with pytest.raises(StorageError, match="is damaged"):
        run([made, reader], day="2025-03-01", base=tmp_path, select=[reader])


@pytest.mark.parametrize("side", [True, False])
def test_a_side_table_of_another_run_is_detected(base, side):
    def stored_by(run_number: int):
        centre = {"cluster_id": 0, "users": run_number, "centre": [1.0, 0.0]}
        centres = pa.Table.from_pylist([centre], schema=tables.centres_schema(2))
        return asset_of("clusters", WithSideTables(clusters(f"user of run {run_number}"), {"cluster_centres": centres}))

    run([stored_by(1)], day="2025-03-01", base=base)
    file = UPath(base) / ("cluster_centres" if side else "clusters") / "2025-03-01.parquet"
    left_behind = file.read_bytes()
    run([stored_by(2)], day="2025-03-01", base=base)
    file.write_bytes(left_behind)  # as if a run was killed between two renames

    @dg.asset(ins={"clusters": dg.AssetIn(metadata=metadata_to_load_all_stored_days("cluster_centres"))})
    def reader(clusters):
        pytest.fail(f"{clusters} are of two runs")

    with pytest.raises(StorageError, match="belongs to another table than .*: materialize this partition again"):
        dg.materialize(
            [stored_by(1), reader], selection=[reader], resources={"io_manager": ParquetIOManager(base=base)}
        )


def test_a_damaged_page_of_a_remote_file_fails_while_it_is_read(tmp_path):
    base = f"memory://{tmp_path.name}"  # local files are verified completely before that
    made, seen = asset_of("clusters", clusters(*(f"u{n}" for n in range(1000)))), []
    run([made], day="2025-03-01", base=base)
    file = UPath(base) / "clusters" / "2025-03-01.parquet"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(bytes(content))
    reader = reader_of("clusters", seen, window_days=1)

    run([made, reader], day="2025-03-01", base=base, select=[reader])

    with pytest.raises(OSError, match="CRC checksum verification failed"):
        seen[0].to_table()


def test_a_file_without_a_checksum_is_read_with_a_warning(tmp_path, capfd):
    (tmp_path / "clusters").mkdir()
    pq.write_table(clusters("u"), tmp_path / "clusters" / "2025-03-01.parquet")
    made, seen = asset_of("clusters", clusters("other")), []
    reader = reader_of("clusters", seen, window_days=1)

    run([made, reader], day="2025-03-01", base=tmp_path, select=[reader])

    assert seen[0].to_table()["user_id"].to_pylist() == ["u"]
    assert "1 of 1 files of clusters have no checksum" in capfd.readouterr().err


def test_a_complete_file_is_moved_and_side_tables_are_stored(base, tmp_path_factory):
    spool = tmp_path_factory.mktemp("spool") / "clusters.parquet"
    write_parquet(spool, tables.CLUSTERS, [clusters("u1"), clusters("u2")], day_column=FIRST)
    centres = pa.Table.from_pylist(
        [{"cluster_id": 0, "users": 2, "centre": [1.0, 0.0]}], schema=tables.centres_schema(2)
    )
    seen = []

    made = asset_of("clusters", WithSideTables(spool, {"cluster_centres": centres}))
    result = run([made, reader_of("clusters", seen, window_days=1)], day="2025-03-01", base=base)

    assert seen[0].to_table()["user_id"].to_pylist() == ["u1", "u2"]
    (event,) = result.asset_materializations_for_node("clusters")
    assert event.metadata["dagster/partition_row_count"].value == 2
    columns = event.metadata["dagster/column_schema"].value.columns
    assert [column.name for column in columns] == [*tables.CLUSTERS.names, "day"]
    assert columns[1].type == "whole number"
    assert columns[1].description == "Number of the user's cluster on this day; 0 is the largest."
    assert not columns[1].constraints.nullable


def test_an_input_of_every_day_has_all_stored_days_with_side_tables(base):
    centres = {
        day: pa.Table.from_pylist(
            [{"cluster_id": 0, "users": 1, "centre": [1.0] + [0.0] * (width - 1)}], schema=tables.centres_schema(width)
        )
        for day, width in (("2025-03-01", 2), ("2025-03-04", 3))
    }
    stored = {day: WithSideTables(clusters("u"), {"cluster_centres": centres[day]}) for day in centres}
    made, seen = asset_of("clusters", stored), []

    @dg.asset(ins={"clusters": dg.AssetIn(metadata=metadata_to_load_all_stored_days("cluster_centres"))})
    def reader(clusters: DatasetWithSideTables) -> None:
        seen.append(clusters)

    run([made], day="2025-03-01", base=base)
    run([made, reader], day="2025-03-04", base=base)

    assert seen[0].main.count_rows() == 2
    fragments = seen[0].side_tables["cluster_centres"].get_fragments()
    assert [fragment.to_table(schema=fragment.physical_schema) for fragment in fragments] == [
        tables.add_day_column(table, dt.date.fromisoformat(day)) for day, table in centres.items()
    ]


def test_a_folder_of_days_reads_as_one_table_with_a_column_day(tmp_path):
    made = asset_of("clusters", {f"2025-03-0{n}": WithSideTables(clusters(f"u{n}"), CENTRES) for n in (1, 2)})
    for day in ("2025-03-01", "2025-03-02"):
        run([made], day=day, base=tmp_path)

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        f"{folder}/2025-03-0{n}.parquet" for folder in ("cluster_centres", "clusters") for n in (1, 2)
    ]
    expected = [tables.add_day_column(clusters(f"u{n}"), dt.date(2025, 3, n)) for n in (1, 2)]
    assert pads.dataset(tmp_path / "clusters").to_table().equals(pa.concat_tables(expected))
    centres = pads.dataset(tmp_path / "cluster_centres").to_table()
    assert centres["day"].to_pylist() == [dt.date(2025, 3, 1), dt.date(2025, 3, 2)]


def test_a_table_without_partitions_gets_no_column_day(tmp_path):
    history = tables.LINEAGE.empty_table()

    @dg.asset
    def lineage():
        return dg.MaterializeResult(value=history)

    dg.materialize([lineage], resources={"io_manager": ParquetIOManager(base=str(tmp_path))})

    assert pq.read_schema(tmp_path / "lineage.parquet").names == tables.LINEAGE.names


def test_a_complete_file_without_the_column_day_is_refused(tmp_path):
    write_parquet(tmp_path / "spool", tables.CLUSTERS, [clusters("u")])

    with pytest.raises(SchemaError, match="clusters: .* missing or other: .*day: date32"):
        run([asset_of("clusters", tmp_path / "spool")], day="2025-03-01", base=tmp_path / "data")


@pytest.mark.parametrize("former", [1, 2])
def test_files_of_version_0_1_without_a_column_day_are_read_with_a_warning(tmp_path, capfd, former):
    made, seen = asset_of("clusters", {f"2025-03-0{n}": clusters(f"u{n}") for n in (1, 2)}), []
    for day in ("2025-03-01", "2025-03-02"):
        run([made], day=day, base=tmp_path)
    write_parquet(tmp_path / "clusters" / f"2025-03-0{former}.parquet", tables.CLUSTERS, [clusters("old")])
    reader = reader_of("clusters", seen, window_days=2)

    run([made, reader], day="2025-03-02", base=tmp_path, select=[reader])

    assert seen[0].to_table().schema == tables.CLUSTERS
    assert set(seen[0].to_table()["user_id"].to_pylist()) == {"old", f"u{3 - former}"}
    said = capfd.readouterr().err
    assert "1 of 2 files of clusters have no column `day`" in said
    assert f"--select clusters --partition 2025-03-0{former}" in said


def test_side_tables_of_version_0_1_are_read_and_removed_when_the_day_is_remade(base):
    made, seen = asset_of("clusters", WithSideTables(clusters("u"), CENTRES)), []
    run([made], day="2025-03-01", base=base)
    now = UPath(base) / "cluster_centres" / "2025-03-01.parquet"
    before = UPath(base) / "clusters" / "_centres" / "2025-03-01.parquet"
    before.parent.mkdir(parents=True, exist_ok=True)
    before.write_bytes(now.read_bytes())
    now.unlink()

    @dg.asset(ins={"clusters": dg.AssetIn(metadata=metadata_to_load_all_stored_days("cluster_centres"))})
    def reader(clusters: DatasetWithSideTables) -> None:
        seen.append(clusters)

    dg.materialize([made, reader], selection=[reader], resources={"io_manager": ParquetIOManager(base=base)})
    assert seen[0].side_tables["cluster_centres"].count_rows() == 1

    run([made], day="2025-03-01", base=base)
    assert now.exists()
    assert not before.exists()


def test_an_empty_side_table_is_not_stored_and_removes_an_earlier_one(base):
    file = UPath(base) / "cluster_centres" / "2025-03-01.parquet"
    run([asset_of("clusters", WithSideTables(clusters("u"), CENTRES))], day="2025-03-01", base=base)
    assert file.exists()

    none = {"cluster_centres": CENTRES["cluster_centres"].slice(0, 0)}
    run([asset_of("clusters", WithSideTables(clusters("u"), none))], day="2025-03-01", base=base)

    assert not file.exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_a_missing_or_damaged_input_is_not_retried(tmp_path, damaged):
    @dg.asset(
        partitions_def=DAYS,
        ins={"clusters": dg.AssetIn(metadata=NO_RETRY)},
        retry_policy=dg.RetryPolicy(max_retries=2),
    )
    def reader(clusters):
        pytest.fail(f"there is nothing to read: {clusters}")

    if damaged:
        (tmp_path / "clusters").mkdir()
        (tmp_path / "clusters" / "2025-03-01.parquet").write_bytes(b"PAR1")
    job = dg.Definitions(
        [asset_of("clusters", clusters("a")), reader], resources={"io_manager": ParquetIOManager(base=str(tmp_path))}
    ).resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        partition_key="2025-03-01", asset_selection=[dg.AssetKey("reader")], raise_on_error=False
    )

    (failure,) = [event for event in done.all_events if event.is_step_failure]
    assert "2025-03-01" in failure.step_failure_data.error.to_string()
    assert not any(event.is_step_up_for_retry for event in done.all_events)


def test_a_full_disk_is_not_retried(small_disk):
    @dg.asset(
        name="clusters",
        partitions_def=DAYS,
        metadata=NO_RETRY,
        retry_policy=dg.RetryPolicy(max_retries=2),
    )
    def many_clusters():
        return dg.MaterializeResult(value=clusters(*(str(number) for number in range(50_000))))

    job = dg.Definitions(
        [many_clusters], resources={"io_manager": ParquetIOManager(base=str(small_disk))}
    ).resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(partition_key="2025-03-01", raise_on_error=False)

    (failure,) = [event for event in done.all_events if event.is_step_failure]
    assert "no space left" in failure.step_failure_data.error.to_string()
    assert not any(event.is_step_up_for_retry for event in done.all_events)


def test_files_from_before_columns_were_added_are_read_with_a_warning(tmp_path, capfd):
    row = dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 1, "user_id": "a", "kind": "account"}
    whole = pa.Table.from_pylist([row | {"self_labels": ["bot"]}], schema=tables.RAW_EVENTS)
    made, seen = asset_of("raw_events", whole), []
    for day in ("2025-03-01", "2025-03-02"):
        run([made], day=day, base=tmp_path)
    file = tmp_path / "raw_events" / "2025-03-01.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["self_labels", "preference_json"]), file)
    run(
        [made, reader := reader_of("raw_events", seen, window_days=2)], day="2025-03-02", base=tmp_path, select=[reader]
    )

    assert seen[0].schema == tables.RAW_EVENTS
    assert seen[0].to_table()["self_labels"].to_pylist() == [None, ["bot"]]
    assert "1 of 2 files of raw_events were written before it had all of its columns" in capfd.readouterr().err


def test_a_file_without_a_column_that_it_always_had_is_refused(tmp_path):
    row = dict.fromkeys(tables.RAW_EVENTS.names) | {"event_time_us": 1, "user_id": "a", "kind": "account"}
    made = asset_of("raw_events", pa.Table.from_pylist([row], schema=tables.RAW_EVENTS))
    run([made], day="2025-03-01", base=tmp_path)
    file = tmp_path / "raw_events" / "2025-03-01.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["seq"]), file)
    reader = reader_of("raw_events", [], window_days=1)

    with pytest.raises(SchemaError, match="missing or other"):
        run([made, reader], day="2025-03-01", base=tmp_path, select=[reader])
