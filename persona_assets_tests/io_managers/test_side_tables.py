import pytest
from upath import UPath

from persona_assets.errors import StorageError
from persona_assets.io_managers.side_tables import find_side_tables, remove_old_side_table, side_table_path


@pytest.fixture(params=["local", "memory"])
def table(request, tmp_path):
    base = UPath(tmp_path if request.param == "local" else f"memory://{tmp_path.name}")
    return base / "clusters" / "2025-03-01.parquet"


def write(place):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"a table")
    return place


def test_a_side_table_lies_beside_the_folder_of_its_asset(table):
    place = side_table_path(table, "cluster_centres")

    assert place.parent.parent == table.parent.parent
    assert place.path.endswith("/cluster_centres/2025-03-01.parquet")


def test_the_present_place_comes_before_the_former_one(table):
    former = write(table.parent / "_centres" / table.name)
    assert find_side_tables("cluster_centres", [table]) == [former]

    place = write(side_table_path(table, "cluster_centres"))
    assert find_side_tables("cluster_centres", [table]) == [place]


def test_a_missing_side_table_is_named_with_its_table(table):
    with pytest.raises(StorageError, match=r"cluster_centres/2025-03-01.parquet is missing, a side table of"):
        find_side_tables("cluster_centres", [table])


@pytest.mark.parametrize("all_versions", [True, False])
def test_what_an_earlier_version_has_stored_is_removed_and_the_present_one_only_if_asked_for(table, all_versions):
    former, place = write(table.parent / "_centres" / table.name), write(side_table_path(table, "cluster_centres"))

    for _ in range(2):  # what is not there is no trouble
        remove_old_side_table(table, "cluster_centres", all_versions=all_versions)

    assert (former.exists(), place.exists()) == (False, not all_versions)
