"""Embed the posts of a day in memory that does not grow with the day."""

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from persona_assets import tables
from persona_assets.assets.embeddings.distinct_texts import BATCH_ROWS, Split
from persona_assets.assets.embeddings.vector_cache import Hashes, VectorStore, hash_texts
from persona_assets.assets.embeddings.vector_files import Rows, group_rows, read_rows, write_rows, write_vectors
from persona_assets.common.progress import Progress
from persona_assets.common.provenance import Provenance, with_provenance
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.tokenize import Tokens, tokenize_texts

# Distinct texts that are tokenised, sorted by length and computed together, and kept when they are done: a minute
# or two of a CPU's work, seconds of a GPU's.
CHUNK_TEXTS = {"cpu": 16_384, "mps": 16_384, "cuda": 65_536}


class Embedded(NamedTuple):
    """The vectors of a day, in a file, and what making them took."""

    vectors: Path  # tables.embeddings_schema(dimensions) (and the day), sorted by uri
    posts: int
    texts: int  # distinct
    reused: int  # of these, found in the store
    truncated: int  # of the texts computed
    tokens: int  # of the texts computed


def embed_posts(  # noqa: PLR0913 - what is read, by what, with what, and what is told
    split: Split,
    encoder: Encoder,
    store: VectorStore | None,
    *,
    scratch: Path,
    progress: Progress,
    day: dt.date | None = None,
    provenance: Provenance | None = None,
) -> Embedded:
    """Give every post of a day its vector.

    Distinct texts, sorted, are cut into chunks; a chunk that is done is kept in the store. So a day that was
    interrupted goes on with the chunk that it had come to, and gives the bytes that it would have given.

    Memory: a chunk of texts and their vectors; with a store also 50 bytes a text. Disk: all vectors twice, in
    `scratch`.

    Args:
        split: The day, made by `split.split_texts`.
        encoder: A model at work, which also says of what dtype the vectors are.
        store: Where vectors are looked up and kept; None computes all.
        scratch: A folder.
        progress: Is told of each text.
        day: The partition, if the file is to have its column.
        provenance: How the table was made, as its file is to say.

    Returns:
        A file in `scratch`: each post once, sorted by uri; on a CPU the same bytes whatever the store holds.
    """
    missing, hashes = np.ones(split.n_texts, bool), np.empty((0, 2), np.uint64)
    tokens = truncated = 0
    flat = scratch / "vectors.bin"
    with flat.open("w+b") as file:
        if store is not None:
            hashes = _hash_all(split.texts)
            for rows, vectors in store.find(hashes):
                write_rows(file, rows, vectors)
                missing[rows] = False
                progress.add(len(rows))
        reused = split.n_texts - int(missing.sum())
        for rows, chunk in _tokenize_ahead(encoder, split.texts, missing):
            vectors = encoder.encode(chunk)
            write_rows(file, rows, vectors)
            if store is not None:
                store.keep(hashes[rows], vectors)
            tokens, truncated = tokens + len(chunk.ids), truncated + chunk.truncated
            progress.add(len(rows))
    schema = tables.embeddings_schema(encoder.model.dimensions, pa.from_numpy_dtype(encoder.dtype))
    schema = with_provenance(tables.with_vector_model(schema, encoder.model.space()), provenance)
    posts = write_vectors(scratch / "embeddings.parquet", schema, _join(split, flat, schema), day=day)
    flat.unlink()
    return Embedded(scratch / "embeddings.parquet", posts, split.n_texts, reused, truncated, tokens)


def _hash_all(texts: Path) -> Hashes:
    batches = [hash_texts(batch["text"].to_pylist()) for batch in pq.ParquetFile(texts).iter_batches(BATCH_ROWS)]
    return np.concatenate([np.empty((0, 2), np.uint64), *batches])


def _tokenize_ahead(encoder: Encoder, texts: Path, missing: npt.NDArray[np.bool_]) -> Iterator[tuple[Rows, Tokens]]:
    """Yield the chunks of the texts that are missing; while one is computed, the next is tokenised."""
    with ThreadPoolExecutor(1) as pool:
        ahead: tuple[Rows, Future[Tokens]] | None = None
        for rows, chunk in _cut(texts, missing, size=CHUNK_TEXTS[encoder.model.device.kind]):
            under_way = (rows, pool.submit(tokenize_texts, encoder.model, chunk))
            if ahead is not None:
                yield ahead[0], ahead[1].result()
            ahead = under_way
        if ahead is not None:
            yield ahead[0], ahead[1].result()


def _cut(texts: Path, missing: npt.NDArray[np.bool_], *, size: int) -> Iterator[tuple[Rows, list[str]]]:
    """Yield the texts that are missing in chunks of `size`, with their rows, both in order.

    Chunks are counted in missing texts: when the first ones are found in the store, the others are cut as before.
    """
    rows, start = np.flatnonzero(missing), 0
    held: list[str] = []
    done = 0
    for batch in pq.ParquetFile(texts).iter_batches(BATCH_ROWS):
        wanted = np.flatnonzero(missing[start : start + batch.num_rows])
        held += batch["text"].take(pa.array(wanted)).to_pylist()
        start += batch.num_rows
        while len(held) >= size or (held and start == len(missing)):
            chunk, held = held[:size], held[size:]
            yield rows[done : done + len(chunk)], chunk
            done += len(chunk)


def _join(split: Split, flat: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the posts with the vector of their text, which is looked up in the flat file of all vectors."""
    kind, width = schema.field("vector").type, tables.vector_width(schema)
    dtype = np.dtype(kind.value_type.to_pandas_dtype())
    with flat.open("rb") as file:
        for batch in pq.ParquetFile(split.posts).iter_batches(group_rows(width)):
            vectors = read_rows(file.fileno(), batch["text_id"].to_numpy(), width=width, dtype=dtype)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=kind)
            yield pa.record_batch([batch["uri"], batch["user_id"], column], schema=schema)
