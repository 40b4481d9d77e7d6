"""The tables `clusters` and `cluster_centres` are read one day at a time."""

import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from persona_assets.assets.lineage.read_days import read_clusters_by_day
from persona_assets_tests.assets.lineage.builders import day_of, tables_of, users_of


def write(folder, days):
    """Write both tables, and return them as datasets with the schema of the first day."""
    paths = []
    for day in days:
        for table, place in zip(tables_of(day), (folder, folder / "cluster_centres"), strict=True):
            place.mkdir(exist_ok=True)
            pq.write_table(table, place / f"{day.day}.parquet")
        paths.append(folder / f"{day.day}.parquet")
    return (
        pads.FileSystemDataset.from_paths(
            [str(file) for file in files],
            schema=pq.read_schema(files[0]),
            format=pads.ParquetFileFormat(),
            filesystem=pads.dataset(str(files[0])).filesystem,
        )
        for files in (paths, [path.parent / "cluster_centres" / path.name for path in paths])
    )


@pytest.fixture
def days():
    first = day_of(1, {"a": users_of("a", range(5)), "b": users_of("b", range(3))})
    second = day_of(3, {"b": users_of("b", range(4))})
    return [first._replace(model="one"), second._replace(centres=second.centres[:, :7], model="two")]


def test_days_come_in_order_each_with_the_width_of_its_own_model(tmp_path, days):
    found = list(read_clusters_by_day(*write(tmp_path, days)))

    assert [day.day for day in found] == [day.day for day in days]
    for one, other in zip(found, days, strict=True):
        assert one.user_ids == other.user_ids
        assert one.clusters.tolist() == other.clusters.tolist()
        assert one.centres.tolist() == other.centres.tolist()
        assert one.model == other.model


def test_a_day_is_only_read_when_it_is_asked_for(tmp_path, days):
    datasets = write(tmp_path, days)
    reading = read_clusters_by_day(*datasets)
    next(reading)
    (tmp_path / "2025-03-03.parquet").unlink()

    with pytest.raises(FileNotFoundError):
        next(reading)
