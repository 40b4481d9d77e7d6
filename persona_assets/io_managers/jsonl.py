"""The files of personas as one folder a day: `cluster_<N>.jsonl`, `user_clusters.json`, `accounting.parquet`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
from upath import UPath


class ClusterLines(NamedTuple):
    """What is to be written: lines stream through, the rest is small."""

    lines: Iterator[tuple[int, bytes]]  # cluster_id and a line without its line end, in the order of the files
    user_clusters: Mapping[str, int]
    accounting: pa.Table  # tables.ACTION_ACCOUNTING


@dataclass(frozen=True)
class ClusterFolder:
    """What was written, read when asked for."""

    path: UPath
