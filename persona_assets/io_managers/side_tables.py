"""Paths of side tables, which are smaller tables of an asset: `<data>/<side table>/<day>.parquet`."""

from collections.abc import Iterable

from upath import UPath

from persona_assets.errors import StorageError

# Folders of version 0.1, inside the folder of the asset. Polars, DuckDB and datasets read those files as further days.
_OLD_FOLDERS = {"cluster_centres": "_centres", "cluster_certainty": "_certainty", "cluster_curve": "_curve"}


def side_table_path(path: UPath, side: str) -> UPath:
    """Return where side table `side` of the main table at `path` is stored: `<data>/<side>/<day>.parquet`."""
    return path.parent.parent / side / path.name


def find_side_tables(side: str, paths: Iterable[UPath]) -> list[UPath]:
    """Return the path of side table `side` for each main table in `paths`, where this version or 0.1 stored it.

    Raises:
        StorageError: A main table has no such side table.
    """
    files: list[UPath] = []
    for path in paths:
        file = next((candidate for candidate in _list_candidates(path, side) if candidate.exists()), None)
        if file is None:
            raise StorageError(
                f"{side_table_path(path, side)} is missing, a side table of {path}: materialize this partition again"
            )
        files.append(file)
    return files


def remove_side_table(path: UPath, side: str, *, only_old_location: bool) -> None:
    """Delete a side table of the main table at `path`, from its present location and that of version 0.1.

    With `only_old_location`, only the file of version 0.1 is deleted.
    """
    for candidate in _list_candidates(path, side)[1 if only_old_location else 0 :]:
        candidate.unlink(missing_ok=True)


def _list_candidates(path: UPath, side: str) -> list[UPath]:
    old_folder = _OLD_FOLDERS.get(side)
    return [side_table_path(path, side), *([path.parent / old_folder / path.name] if old_folder else [])]
