"""Read the tables `clusters` and `cluster_centres`, one day at a time."""

import datetime as dt
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables


class ClustersOfDay(NamedTuple):
    """The users and the clusters of one day, and the centres of the clusters (unit vectors)."""

    day: dt.date
    user_ids: pa.Array  # string, (n_users,)
    clusters: npt.NDArray[np.int32]  # (n_users,), the cluster of each user, 0 to k - 1
    centres: npt.NDArray[np.float32]  # (k, d), unit length
    model: str | None = None  # name of the model of the vectors, if the file has it (`tables.read_vector_model`)


def read_clusters_by_day(clusters: pads.Dataset, centres: pads.Dataset) -> Iterator[ClustersOfDay]:
    """Yield users, clusters and centres of each day, sorted by day; each day is read when it is reached.

    Args:
        clusters: `tables.CLUSTERS`: a file per day, named by the day, in order of the days.
        centres: `tables.centres_schema(d)` of the same days. Days may differ in width and model.
    """
    for file, users_fragment, centres_fragment in zip(
        clusters.files, clusters.get_fragments(), centres.get_fragments(), strict=True
    ):
        users = users_fragment.to_table(columns=["user_id", "cluster_id"]).combine_chunks()
        schema = centres_fragment.physical_schema
        column = centres_fragment.to_table(schema=schema)["centre"].combine_chunks()
        yield ClustersOfDay(
            day=dt.date.fromisoformat(PurePosixPath(file).stem),
            user_ids=pa.concat_arrays(users["user_id"].chunks),
            clusters=users["cluster_id"].to_numpy(),
            centres=column.flatten().to_numpy().reshape(-1, column.type.list_size),
            model=tables.read_vector_model(schema),
        )
