"""Where side tables lie: in a folder of their own, `<data>/<side>/<day>.parquet`, beside that of their asset."""

from collections.abc import Iterable

from upath import UPath

from persona_assets.errors import StorageError

# Where version 0.1 stored them: below the asset's folder, where Polars, DuckDB and datasets take them for days.
_FORMER = {"cluster_centres": "_centres", "cluster_certainty": "_certainty", "cluster_curve": "_curve"}


def side_path(path: UPath, side: str) -> UPath:
    """Return the place of a side table of the table at `path`."""
    return path.parent.parent / side / path.name


def find_side(side: str, paths: Iterable[UPath]) -> list[UPath]:
    """Return the side table of each table, where this version or version 0.1 has stored it.

    Raises:
        StorageError: There is none.
    """
    files: list[UPath] = []
    for path in paths:
        file = next((place for place in _list_places(path, side) if place.exists()), None)
        if file is None:
            raise StorageError(
                f"{side_path(path, side)} is not there, and it belongs to {path}: materialize this partition again"
            )
        files.append(file)
    return files


def remove_former_side(path: UPath, side: str, *, all_places: bool) -> None:
    """Remove what version 0.1 has stored of a side table, or (`all_places`) any version."""
    for place in _list_places(path, side)[0 if all_places else 1 :]:
        place.unlink(missing_ok=True)


def _list_places(path: UPath, side: str) -> list[UPath]:
    former = _FORMER.get(side)
    return [side_path(path, side), *([path.parent / former / path.name] if former else [])]
