import pytest
from upath import UPath

from persona_assets.errors import StorageError
from persona_assets.io_managers.side_tables import find_side_tables, remove_side_table, side_table_path


@pytest.fixture(params=["local", "memory"])
def table(request, tmp_path):
    base = UPath(tmp_path if request.param == "local" else f"memory://{tmp_path.name}")
    return base / "clusters" / "2025-03-01.parquet"


def write(place):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"a table")
    return place


def test_a_side_table_has_a_folder_next_to_that_of_its_asset(table):
    place = side_table_path(table, "cluster_centres")

    assert place.parent.parent == table.parent.parent
    assert place.path.endswith("/cluster_centres/2025-03-01.parquet")


def test_the_current_path_is_preferred_to_the_old_one(table):
    former = write(table.parent / "_centres" / table.name)
    assert find_side_tables("cluster_centres", [table]) == [former]

    place = write(side_table_path(table, "cluster_centres"))
    assert find_side_tables("cluster_centres", [table]) == [place]


def test_the_error_for_a_missing_side_table_names_its_main_table(table):
    with pytest.raises(StorageError, match=r"cluster_centres/2025-03-01.parquet is missing, a side table of"):
        find_side_tables("cluster_centres", [table])


@pytest.mark.parametrize("only_old_location", [True, False])
def test_old_side_tables_are_removed_and_current_ones_only_on_request(table, only_old_location):
    former, place = write(table.parent / "_centres" / table.name), write(side_table_path(table, "cluster_centres"))

    for _ in range(2):  # a missing file is no error
        remove_side_table(table, "cluster_centres", only_old_location=only_old_location)

    assert (former.exists(), place.exists()) == (False, only_old_location)
