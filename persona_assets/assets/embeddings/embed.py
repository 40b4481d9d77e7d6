"""Compute the vectors of the posts of a day, in memory that does not grow with their number."""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.embeddings.distinct_texts import BATCH_ROWS, DeduplicatedTexts
from persona_assets.assets.embeddings.vector_cache import TextHashes, VectorCache, hash_texts
from persona_assets.assets.embeddings.vector_files import (
    RowNumbers,
    choose_rows_per_group,
    max_unit_length_error,
    read_vectors_at_rows,
    write_embeddings_table,
    write_vectors_at_rows,
)
from persona_assets.common.parquet_files import prefetch
from persona_assets.common.progress import count_rows_read, phase
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.text_encoder.encode import Encoder, PendingVectors
from persona_assets.text_encoder.tokenize import CHUNK_TEXTS, tokenize_ahead

# Number of chunks whose vectors may be waited for or written while the device computes the next one. A CPU has computed
# a chunk before it is submitted.
_PENDING_CHUNKS = {"cpu": 0, "mps": 1, "cuda": 1}


class TextVectors(NamedTuple):
    """Result of `embed_texts`: a flat file of the vectors of distinct texts, and counts for the metadata."""

    flat: Path  # of `vector_files.write_vectors_at_rows`; a vector's row is the number of its text
    schema: pa.Schema  # tables.embeddings_schema(dimensions), with the model in its metadata
    texts: int  # number of distinct texts
    reused: int  # number of distinct texts whose vectors were in the cache
    truncated: int  # number of texts computed that are longer than max_tokens
    tokens: int  # number of tokens of the texts computed


class EmbeddingResult(NamedTuple):
    """Result of `join_vectors_to_posts`: a Parquet file with the vector of each post, and counts for the metadata."""

    vectors: Path  # tables.embeddings_schema(dimensions), with the column `day` if asked for, sorted by uri
    posts: int  # number of rows
    max_unit_length_error: float  # maximum difference between the norm of a vector and 1


def embed_texts(
    posts_and_texts: DeduplicatedTexts,
    encoder: Encoder,
    cache: VectorCache | None,
    *,
    scratch: Path,
) -> TextVectors:
    """Compute the vectors of a day's distinct texts, reading known ones from `cache`; write them to a flat file.

    Texts are computed in chunks. The vectors of a finished chunk are added to the cache. A run after an interrupted one
    therefore continues with the next chunk, and writes the same bytes as an uninterrupted run.

    Memory: some chunks of texts and their vectors; with a cache also 50 bytes per distinct text.

    Args:
        posts_and_texts: The posts and distinct texts of the day, from `write_distinct_texts`.
        encoder: Turns texts into vectors, of its own dtype.
        cache: Vectors of earlier runs, to which new ones are added; None computes all texts.
        scratch: Folder for the flat file.

    Returns:
        The file. On a CPU its bytes do not depend on the content of the cache.
    """
    missing, hashes = np.ones(posts_and_texts.n_texts, bool), np.empty((0, 2), np.uint64)
    tokens = truncated = 0
    flat = scratch / "vectors.bin"
    with phase("computing vectors", what="texts", total=posts_and_texts.n_texts) as done, flat.open("w+b") as file:
        if cache is not None:
            hashes = _hash_all(posts_and_texts.texts)
            for rows, vectors in cache.find(hashes):
                write_vectors_at_rows(file, rows, vectors)
                missing[rows] = False
                done.add(len(rows))

        def write_chunk(rows: RowNumbers, started: PendingVectors) -> int:
            vectors = started.result()
            write_vectors_at_rows(file, rows, vectors)
            if cache is not None:
                cache.add(hashes[rows], vectors)
            return len(rows)

        chunks = _read_chunks(posts_and_texts.texts, missing, size=CHUNK_TEXTS[encoder.model.device.kind])
        with ThreadPoolExecutor(1) as writer:
            pending = deque[Future[int]]()
            for rows, chunk in tokenize_ahead(encoder.model, chunks):
                pending.append(writer.submit(write_chunk, rows, encoder.start_encoding(chunk)))
                tokens, truncated = tokens + len(chunk.ids), truncated + chunk.truncated
                while len(pending) > _PENDING_CHUNKS[encoder.model.device.kind]:
                    done.add(pending.popleft().result())
            for written in pending:
                done.add(written.result())
    schema = tables.embeddings_schema(encoder.model.dimensions, pa.from_numpy_dtype(encoder.dtype))
    schema = tables.add_vector_model(schema, encoder.model.vector_space())
    return TextVectors(flat, schema, len(missing), int((~missing).sum()), truncated, tokens)


def join_vectors_to_posts(
    posts: Path,
    vectors: TextVectors,
    *,
    scratch: Path,
    day_column: dt.date | None = None,
    provenance: Provenance | None = None,
) -> EmbeddingResult:
    """Write a Parquet file of `embeddings`: each post with the vector of its text.

    No model and no device is needed. The flat file of the vectors is deleted. Memory: two row groups.

    Args:
        posts: A file of schema POSTS, from `write_distinct_texts`.
        vectors: Those of the texts of the same day.
        scratch: Folder for the file.
        day_column: Value of the column `day`; None leaves the column out.
        provenance: Written into the metadata of the file.

    Returns:
        The file, with each post once, sorted by uri.
    """
    schema, errors = with_provenance(vectors.schema, provenance), [0.0]
    batches = prefetch(_join_vectors(posts, vectors.flat, schema, on_error=errors.append))
    total = pq.read_metadata(posts).num_rows
    with phase("joining vectors to posts", what="posts", total=total) as joined:
        rows = count_rows_read(batches, joined)
        n_posts = write_embeddings_table(scratch / "embeddings.parquet", schema, rows, day_column=day_column)
    vectors.flat.unlink()
    return EmbeddingResult(scratch / "embeddings.parquet", n_posts, max(errors))


def _hash_all(texts: Path) -> TextHashes:
    """Return the hashes of all texts in a file of schema TEXTS, in its order."""
    batches = [hash_texts(batch["text"]) for batch in pq.ParquetFile(texts).iter_batches(BATCH_ROWS)]
    return np.concatenate([np.empty((0, 2), np.uint64), *batches])


def _read_chunks(
    texts: Path, missing: npt.NDArray[np.bool_], *, size: int
) -> Iterator[tuple[RowNumbers, pa.StringArray]]:
    """Yield the missing texts in chunks of `size`, with their row numbers, both in the order of the file.

    Only missing texts count towards `size`. If an interrupted run cached its first chunks, the chunks that follow are
    therefore the same as in an uninterrupted run.
    """
    rows, start = np.flatnonzero(missing), 0
    buffer = pa.array([], pa.string())
    yielded = 0
    for batch in pq.ParquetFile(texts).iter_batches(BATCH_ROWS):
        is_missing = np.flatnonzero(missing[start : start + batch.num_rows])
        buffer = pa.concat_arrays([buffer, batch["text"].take(pa.array(is_missing))])
        start += batch.num_rows
        while len(buffer) >= size or (len(buffer) and start == len(missing)):
            chunk, buffer = buffer[:size], buffer[size:]
            yield rows[yielded : yielded + len(chunk)], chunk
            yielded += len(chunk)


def _join_vectors(
    posts: Path, flat: Path, schema: pa.Schema, *, on_error: Callable[[float], None]
) -> Iterator[pa.RecordBatch]:
    """Yield the posts with the vectors of their texts, in batches of `schema`.

    Args:
        posts: A file of schema POSTS.
        flat: The flat file of the vectors of all texts (`vector_files.write_vectors_at_rows`).
        schema: `tables.embeddings_schema(dimensions)`.
        on_error: Called with the `max_unit_length_error` of each batch.
    """
    vector_type, width = schema.field("vector").type, tables.read_vector_width(schema)
    dtype = np.dtype(vector_type.value_type.to_pandas_dtype())
    with flat.open("rb") as file:
        for batch in pq.ParquetFile(posts).iter_batches(choose_rows_per_group(width)):
            vectors = read_vectors_at_rows(file.fileno(), batch["text_id"].to_numpy(), width=width, dtype=dtype)
            on_error(max_unit_length_error(vectors))
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=vector_type)
            yield pa.record_batch([batch["uri"], batch["user_id"], column], schema=schema)
