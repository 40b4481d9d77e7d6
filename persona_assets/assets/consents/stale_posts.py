"""Count the deleted posts that stored days still have, because they were made before the deletion was known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Unpack

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs

from persona_assets.assets.consents.day_files import DayFile, list_days
from persona_assets.common.database import QueryOptions, create_dataset_view, open_duckdb

# The assets whose stored days have addresses of posts, each with the file below the day's folder that has them; an
# empty name: the day is a table itself. A folder without that file, as `cluster_jsonl` of an earlier version, has none.
ADDRESSES_OF_ASSETS: Mapping[str, str] = {"embeddings": "", "cluster_jsonl": "line_messages.parquet"}
_ADDRESSES = pa.schema([("uri", pa.string())])
# Deletions of the same day are known when a day is made. Of later days, each comes after the post.
_COUNT = """
WITH deleted AS (SELECT uri, max(day) AS day FROM deleted_posts GROUP BY uri)
SELECT posts.day, count(*), count(*) FILTER (deleted.day > posts.day)
FROM posts LEFT JOIN deleted USING (uri) GROUP BY posts.day ORDER BY posts.day
"""


class DeletedPosts(NamedTuple):
    """The posts of a stored day that their authors deleted on a later day."""

    asset: str
    day: str  # "" for all days of the asset: a file is damaged, and nothing is known
    deleted: int
    share: float  # of the posts of the day, 0 to 1


def count_deleted_posts(
    *, filesystem: pafs.FileSystem, data: str, **options: Unpack[QueryOptions]
) -> Iterator[DeletedPosts]:
    """Yield the stored days of `ADDRESSES_OF_ASSETS` with deleted posts, by asset and day.

    Only addresses are read. An asset of which a file is damaged is yielded once, with the day "" and no number.

    Args:
        filesystem: Where the assets are stored.
        data: The folder with a folder for each asset, and one for the side table `deleted_posts`.
        **options: Memory limit of the join, and a folder for what does not fit.

    Raises:
        StorageError: The disk of `scratch` is full, or the join needs more memory than it may use.
    """
    deletions = {day: file.path for day, file in list_days(filesystem, f"{data}/deleted_posts").items()}
    for asset, file_name in ADDRESSES_OF_ASSETS.items():
        posts = _list_files(filesystem, list_days(filesystem, f"{data}/{asset}"), file_name)
        later = {day: path for day, path in deletions.items() if posts and day > min(posts)}
        if not later:
            continue
        try:
            with open_duckdb(**options) as connection:
                _create_view(connection, "posts", filesystem, posts)
                _create_view(connection, "deleted_posts", filesystem, later)
                counted = connection.sql(_COUNT).fetchall()
        except (duckdb.Error, OSError, ValueError):  # pyarrow's errors about damaged files are of the latter two
            yield DeletedPosts(asset, "", 0, 0.0)
            continue
        yield from (DeletedPosts(asset, day, deleted, deleted / rows) for day, rows, deleted in counted if deleted)


def _list_files(filesystem: pafs.FileSystem, stored: Mapping[str, DayFile], file_name: str) -> dict[str, str]:
    """Return the path of the file with a day's posts, by day."""
    if not file_name:
        return {day: file.path for day, file in stored.items()}
    paths = {day: f"{folder.path}/{file_name}" for day, folder in stored.items()}
    found = filesystem.get_file_info(list(paths.values()))
    return {day: path for (day, path), file in zip(paths.items(), found, strict=True) if file.is_file}


def _create_view(
    connection: duckdb.DuckDBPyConnection, name: str, filesystem: pafs.FileSystem, files: Mapping[str, str]
) -> None:
    """Create the view `name` with the columns `uri` and `day` of the files."""
    selects: list[str] = []
    for number, (day, path) in enumerate(files.items()):
        of_day = f"{name}_{number}"
        dataset = pads.FileSystemDataset.from_paths(
            [path], schema=_ADDRESSES, format=pads.ParquetFileFormat(), filesystem=filesystem
        )
        create_dataset_view(connection, of_day, dataset)
        selects.append(f"SELECT uri, '{day}' AS day FROM {of_day}")  # noqa: S608 - a day and a name of this module
    connection.execute(f"CREATE TEMP VIEW {name} AS {' UNION ALL '.join(selects)}")
