"""Find personas in the stored tables: the nearest ones to a text, or those of one user on each day."""

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
from persona_assets.io_managers.stored_days import list_stored_days
from persona_assets.settings import Settings

FoundPersona = dict[str, Any]

# Of a cluster that persona_labels does not know.
_NO_LABEL: FoundPersona = {"persona_id": None, "name": None}


def list_days_with_clusters(data_root: str) -> list[dt.date]:
    """Return the days for which `clusters` is stored below `data_root`, sorted.

    Args:
        data_root: Path or fsspec URL of the results, as PERSONA_DATA.

    Raises:
        MissingPartitionError: No day is stored.
    """
    days = list_stored_days(data_root, "clusters")
    if not days:
        folder = UPath(data_root).absolute() / "clusters"
        raise MissingPartitionError(f"{folder} has no day: run the job make_personas, or set PERSONA_DATA")
    return days


def find_personas_by_text(
    settings: Settings, text: str, *, day: dt.date | None = None, max_personas: int = 5
) -> list[FoundPersona]:
    """Return the `max_personas` personas of one day whose centres have the highest cosine similarity to a text.

    Args:
        settings: Settings with the place of the results and the model that embeds the text.
        text: Any text.
        day: Day of the personas; None for the last stored day.
        max_personas: Maximum number of personas.

    Returns:
        For each persona `persona_id`, `cluster_id`, `similarity` (cosine, -1 to 1), `users` and `name`.

    Raises:
        MissingPartitionError: The day has no clusters.
        ModelError: Another model made the vectors of that day.
        StorageError: A table has changed since it was written.
    """
    days = list_days_with_clusters(settings.data)
    day = day or days[-1]
    if day not in days:
        raise MissingPartitionError(f"{day} has no clusters; the days are {days[0]} to {days[-1]}")
    centres = _read(UPath(settings.data).absolute() / "cluster_centres" / f"{day}.parquet")
    vectors = centres["centre"].combine_chunks().flatten().to_numpy().reshape(len(centres), -1)
    similarity = vectors @ _embed(settings, text, tables.read_vector_model(centres.schema))
    labels = _read_labels(settings.data)
    order = np.argsort(-similarity, kind="stable")[:max_personas].tolist()
    nearest = centres.select(["cluster_id", "users"]).take(pa.array(order, pa.int64())).to_pylist()
    rows: list[FoundPersona] = []
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


def find_personas_of_user(data_root: str, user_id: str) -> list[FoundPersona]:
    """Return the persona of a user on each stored day, sorted by day; days without a cluster of the user are absent.

    Args:
        data_root: Path or fsspec URL of the results, as PERSONA_DATA.
        user_id: Permanent id (DID) of the user.

    Returns:
        For each day `day`, `persona_id`, `cluster_id`, `similarity` (cosine to the cluster's centre) and `name`.

    Raises:
        MissingPartitionError: No day is stored.
        StorageError: A table has changed since it was written.
    """
    labels = _read_labels(data_root)
    rows: list[FoundPersona] = []
    for day in list_days_with_clusters(data_root):
        clusters = _read(UPath(data_root).absolute() / "clusters" / f"{day}.parquet")
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
    from persona_assets.text_encoder.model import load_requested_model  # noqa: PLC0415 - the same
    from persona_assets.text_encoder.tokenize import tokenize_texts  # noqa: PLC0415 - the same

    model = load_requested_model(
        settings.model,
        device=settings.device,
        compute_dtype=settings.compute_dtype,
        max_tokens=settings.max_tokens,
    )
    if made_by not in {None, model.vector_space()}:
        raise ModelError(f"the day's vectors are not of {settings.model!r}: set PERSONA_MODEL to the model of that day")
    return Encoder(model).encode(tokenize_texts(model, [text]))[0]


def _read_labels(data: str) -> dict[tuple[dt.date, int], FoundPersona]:
    file = UPath(data).absolute() / "persona_labels.parquet"
    if not file.exists():
        return {}
    rows = _read(file).select(["day", "cluster_id", "persona_id", "name"]).to_pylist()
    return {(row["day"], row["cluster_id"]): row for row in rows}


def _read(file: UPath) -> pa.Table:
    """Return a stored table after verifying its checksum.

    Raises:
        StorageError: The file has changed since it was written.
    """
    with file.open("rb") as opened:
        verify_parquet(opened, name=file)
        opened.seek(0)
        return pq.read_table(opened)
