"""Embed the posts of a day in memory that does not grow with the day."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.embeddings.encode import encode_texts
from persona_assets.embeddings.model import TextModel
from persona_assets.embeddings.split import BATCH_ROWS, Split
from persona_assets.parquet_files import write_parquet
from persona_assets.progress import Progress

# Distinct texts that are tokenised, sorted by length and computed together.
CHUNK_TEXTS = 16_384


class Embedded(NamedTuple):
    """The vectors of a day, in a file, and what making them took."""

    vectors: Path  # tables.embeddings_schema(dimensions), sorted by uri
    posts: int
    texts: int  # distinct: each was computed once
    truncated: int  # of the distinct texts
    tokens: int
    padding: int


def embed_posts(split: Split, model: TextModel, *, vector_dtype: str, scratch: Path, progress: Progress) -> Embedded:
    """Give every post of a day its vector.

    Memory: a chunk of texts and their vectors. Disk: all vectors twice, in `scratch`.

    Args:
        split: The day, made by `split.split_texts`.
        model: Made by `model.load_model`.
        vector_dtype: Of the vectors stored, "float16" or "float32".
        scratch: A folder.
        progress: Is told of each text computed.

    Returns:
        A file in `scratch`: each post once, sorted by uri; the same bytes for the same posts.
    """
    flat = scratch / "vectors.bin"
    tokens = padding = truncated = 0
    with flat.open("wb") as file:
        for batch in pq.ParquetFile(split.texts).iter_batches(CHUNK_TEXTS):
            encoded = encode_texts(model, batch["text"].to_pylist())
            encoded.vectors.astype(vector_dtype).tofile(file)
            tokens, padding = tokens + encoded.tokens, padding + encoded.padding
            truncated += encoded.truncated
            progress.add(batch.num_rows)
    vectors = scratch / "embeddings.parquet"
    schema = tables.embeddings_schema(model.dimensions, pa.from_numpy_dtype(np.dtype(vector_dtype)))
    rows = write_parquet(vectors, schema, _join(split, flat, schema))
    flat.unlink()
    return Embedded(vectors, rows, split.n_texts, truncated, tokens, padding)


def _join(split: Split, flat: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the posts with the vector of their text, which is looked up in the file of all vectors."""
    width = tables.vector_width(schema)
    dtype = schema.field("vector").type.value_type.to_pandas_dtype()
    for batch in pq.ParquetFile(split.posts).iter_batches(BATCH_ROWS):
        # Mapped anew for each batch: what one batch touched is not held for the next.
        mapped: npt.NDArray[np.generic] = np.memmap(flat, dtype, "r", shape=(split.n_texts, width))
        values = pa.array(mapped[batch["text_id"].to_numpy()].reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(values, type=schema.field("vector").type)
        yield pa.record_batch([batch["uri"], batch["user_id"], column], schema=schema)
