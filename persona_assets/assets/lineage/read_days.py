"""Read the clusters of days, one day at a time."""

import datetime as dt
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables


class Day(NamedTuple):
    """The clusters of one day."""

    day: dt.date
    user_ids: pa.Array  # string
    clusters: npt.NDArray[np.int32]  # (n_users,), of each of them, 0 to k - 1
    centres: npt.NDArray[np.float32]  # (k, d), unit length
    model: str | None = None  # of the vectors, as tables.vector_model tells it


def read_days(clusters: pads.Dataset, centres: pads.Dataset) -> Iterator[Day]:
    """Yield the days in their order, each read when it is asked for.

    Args:
        clusters: `tables.CLUSTERS`, a file a day, named by it, in the order of the days.
        centres: `tables.centres_schema(d)` of the same days; days may differ in width and model.
    """
    for file, of_users, of_clusters in zip(
        clusters.files, clusters.get_fragments(), centres.get_fragments(), strict=True
    ):
        users = of_users.to_table(columns=["user_id", "cluster_id"]).combine_chunks()
        schema = of_clusters.physical_schema
        column = of_clusters.to_table(schema=schema)["centre"].combine_chunks()
        yield Day(
            day=dt.date.fromisoformat(PurePosixPath(file).stem),
            user_ids=pa.concat_arrays(users["user_id"].chunks),
            clusters=users["cluster_id"].to_numpy(),
            centres=column.flatten().to_numpy().reshape(-1, column.type.list_size),
            model=tables.vector_model(schema),
        )
