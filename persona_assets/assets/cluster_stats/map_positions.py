"""Store the positions of users on the map, so that the map of the day after begins with them."""

import datetime as dt
import io
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets.common.columns import required_column
from persona_assets.common.parquet_checksums import verify_parquet
from persona_assets.common.parquet_files import render_parquet
from persona_assets.common.pictures import Floats
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.errors import StorageError

FILE = "map_positions.parquet"
MAP_POSITIONS = pa.schema(
    [
        required_column("user_id", pa.string(), "Permanent id (DID) of a user on the map."),
        required_column("x", pa.float32(), "Its position: from left to right."),
        required_column("y", pa.float32(), "Its position: from below to above."),
    ]
)


class EarlierMap(NamedTuple):
    """The positions of users on the map of an earlier day, from which a day's map is computed."""

    begins_with: str  # the day, or why there is none
    positions: dict[str, tuple[float, float]]  # by user_id; empty if there is none


def positions_to_parquet(
    user_ids: list[str], positions: Floats, day: dt.date, provenance: Provenance | None = None
) -> bytes:
    """Return the positions of users on the map as the bytes of a checksummed Parquet file.

    Args:
        user_ids: Users on the map.
        positions: float32 `(n, 2)`, in the order of `user_ids`.
        day: The day of the map.
        provenance: How the report was made, for the metadata of the file.
    """
    table = pa.table([user_ids, *positions.T.astype(np.float32)], schema=MAP_POSITIONS)
    return render_parquet(with_provenance(table, provenance), day_column=day)


def read_earlier_map(reports: Any, day: dt.date) -> EarlierMap:
    """Read the map positions of the day before `day` from its stored report, if there is one.

    A day does not wait for the day before: a map without earlier positions begins anew.

    Args:
        reports: Folder of `cluster_stats`, a path.
        day: The day whose map is to be made.
    """
    before = day - dt.timedelta(1)
    file = reports / f"{before}" / FILE
    try:
        content = io.BytesIO(file.read_bytes())
    except OSError:
        return EarlierMap("none: the day before has no map", {})
    try:
        verify_parquet(content, name=file)
        table = pq.read_table(content, columns=MAP_POSITIONS.names)
    except (StorageError, pa.ArrowException, OSError):
        return EarlierMap("none: the map of the day before is damaged", {})
    columns = (table[name].to_pylist() for name in MAP_POSITIONS.names)
    return EarlierMap(f"{before}", {user: (x, y) for user, x, y in zip(*columns, strict=True)})


def match_earlier_positions(earlier: EarlierMap, user_ids: list[str]) -> Floats | None:
    """Return each user's position on the earlier map: float32 `(n, 2)`, NaN for new users; None without a map.

    Args:
        earlier: The map of the day before.
        user_ids: Users on the new map.
    """
    if not earlier.positions:
        return None
    nowhere = (np.nan, np.nan)
    return np.array([earlier.positions.get(user, nowhere) for user in user_ids], np.float32).reshape(-1, 2)
