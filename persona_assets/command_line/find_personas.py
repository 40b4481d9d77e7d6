"""Find personas in the stored tables: those nearest to a text, and those of a user through the days."""

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from persona_assets import tables
from persona_assets.common.parquet_checksums import verify_parquet
from persona_assets.errors import MissingPartitionError, ModelError
from persona_assets.partitions import DAY_FORMAT
from persona_assets.settings import Settings

Row = dict[str, Any]

# Of a cluster that persona_labels does not know.
_NO_LABEL: Row = {"persona_id": None, "name": None}


def list_days(data: str) -> list[dt.date]:
    """Return the days that have clusters, in their order.

    Raises:
        MissingPartitionError: There is none.
    """
    folder = UPath(data).absolute() / "clusters"
    files = sorted(folder.glob("*.parquet")) if folder.exists() else []
    if not files:
        raise MissingPartitionError(f"{folder} has no day: run the job make_personas, or set PERSONA_DATA")
    return [dt.datetime.strptime(file.stem, DAY_FORMAT).date() for file in files]  # noqa: DTZ007 - a day


def find_text(settings: Settings, text: str, *, day: dt.date | None = None, most: int = 5) -> list[Row]:
    """Return the personas whose centres are nearest to a text, the nearest first.

    Args:
        settings: Where results are, and which model embeds the text.
        text: Any text.
        day: Of the personas; the last by default.
        most: Number of personas.

    Returns:
        `persona_id`, `cluster_id`, `similarity` (cosine, -1 to 1), `users` and `name` of each.

    Raises:
        MissingPartitionError: The day has no clusters.
        ModelError: The day's vectors are of another model.
        StorageError: A table has changed since it was written.
    """
    days = list_days(settings.data)
    day = day or days[-1]
    if day not in days:
        raise MissingPartitionError(f"{day} has no clusters; the days are {days[0]} to {days[-1]}")
    centres = _read(UPath(settings.data).absolute() / "cluster_centres" / f"{day}.parquet")
    vectors = centres["centre"].combine_chunks().flatten().to_numpy().reshape(len(centres), -1)
    similarity = vectors @ _embed(settings, text, tables.vector_model(centres.schema))
    labels = _read_labels(settings.data)
    order = np.argsort(-similarity, kind="stable")[:most].tolist()
    nearest = centres.select(["cluster_id", "users"]).take(pa.array(order, pa.int64())).to_pylist()
    rows: list[Row] = []
    for row, found in zip(order, nearest, strict=True):
        label = labels.get((day, found["cluster_id"]), _NO_LABEL)
        rows.append(
            {
                "persona_id": label["persona_id"],
                "cluster_id": found["cluster_id"],
                "similarity": float(similarity[row]),
                "users": found["users"],
                "name": label["name"],
            }
        )
    return rows


def find_user(data: str, user_id: str) -> list[Row]:
    """Return the persona of a user on each day on which it has one, in the order of the days.

    Args:
        data: Where results are: a path or fsspec URL.
        user_id: Permanent id (DID) of the user.

    Returns:
        `day`, `persona_id`, `cluster_id`, `similarity` (cosine to the cluster's centre) and `name` for each day.

    Raises:
        MissingPartitionError: No day has clusters.
        StorageError: A table has changed since it was written.
    """
    labels = _read_labels(data)
    rows: list[Row] = []
    for day in list_days(data):
        clusters = _read(UPath(data).absolute() / "clusters" / f"{day}.parquet")
        for found in clusters.filter(pc.equal(clusters["user_id"], user_id)).to_pylist():
            label = labels.get((day, found["cluster_id"]), _NO_LABEL)
            rows.append(
                {
                    "day": day,
                    "persona_id": label["persona_id"],
                    "cluster_id": found["cluster_id"],
                    "similarity": found["similarity"],
                    "name": label["name"],
                }
            )
    return rows


def _embed(settings: Settings, text: str, made_by: str | None) -> np.ndarray:
    """Return the unit vector of a text, float32 `(d,)`."""
    from persona_assets.text_encoder.encode import Encoder  # noqa: PLC0415 - loads torch
    from persona_assets.text_encoder.model import choose_model  # noqa: PLC0415 - the same
    from persona_assets.text_encoder.tokenize import tokenize_texts  # noqa: PLC0415 - the same

    model = choose_model(
        settings.model,
        device=settings.device,
        compute_dtype=settings.compute_dtype,
        max_tokens=settings.max_tokens,
    )
    if made_by not in {None, model.space()}:
        raise ModelError(f"the day's vectors are not of {settings.model!r}: set PERSONA_MODEL to the model of that day")
    return Encoder(model).encode(tokenize_texts(model, [text]))[0]


def _read_labels(data: str) -> dict[tuple[dt.date, int], Row]:
    file = UPath(data).absolute() / "persona_labels.parquet"
    if not file.exists():
        return {}
    rows = _read(file).select(["day", "cluster_id", "persona_id", "name"]).to_pylist()
    return {(row["day"], row["cluster_id"]): row for row in rows}


def _read(file: UPath) -> pa.Table:
    """Return a stored table, verified.

    Raises:
        StorageError: The file has changed since it was written.
    """
    with file.open("rb") as opened:
        verify_parquet(opened, name=file)
        opened.seek(0)
        return pq.read_table(opened)
