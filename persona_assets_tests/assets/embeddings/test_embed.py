"""Every post of a day gets the vector of its text; chunks, order and cache do not change the result."""

import multiprocessing
import os
import random
import signal
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_assets import tables
from persona_assets.assets.embeddings.embed import CHUNK_TEXTS
from persona_assets.assets.embeddings.vector_cache import VectorCache
from persona_assets.text_encoder.model import EMBEDDED
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, WORDS, dataset, embed, encode, load, posts_of

POSTS = [f"{one} {other}" for one in WORDS[:5] for other in WORDS[5:9]]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join), max_size=25)


def vectors_of(table):
    return np.array(table["vector"].combine_chunks().flatten()).reshape(-1, DIMENSIONS)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
def test_every_post_has_one_row_with_the_vector_of_its_text(tiny, texts):
    posts = posts_of(texts)
    with tempfile.TemporaryDirectory() as folder:
        embedded = embed(posts, tiny, Path(folder))
        table = pq.read_table(embedded.vectors)

    expected = posts.to_table().sort_by("uri")
    assert table.schema.equals(tables.embeddings_schema(DIMENSIONS, pa.float32()))
    assert tables.read_vector_model(table.schema) == tiny.vector_space()
    assert table.select(["uri", "user_id"]) == expected.select(["uri", "user_id"])
    np.testing.assert_allclose(vectors_of(table), encode(tiny, expected["text"].to_pylist()), atol=1e-5)
    assert (embedded.posts, embedded.texts) == (len(texts), len(set(texts)))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.randoms(use_true_random=False), st.integers(1, 9))
def test_the_order_and_the_batches_of_posts_do_not_matter(tiny, texts, shuffler: random.Random, batch_rows):
    rows = posts_of(texts).to_table().to_pylist()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        first = embed(dataset(rows), tiny, Path(one), vector_dtype="float16")
        shuffler.shuffle(rows)
        second = embed(dataset(rows, batch_rows=batch_rows), tiny, Path(other), vector_dtype="float16")

        assert first.vectors.read_bytes() == second.vectors.read_bytes()


def test_texts_of_several_chunks_all_get_their_vectors(tiny, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CHUNK_TEXTS, "cpu", 6)

    embedded = embed(posts_of(POSTS), tiny, tmp_path)

    table = pq.read_table(embedded.vectors)
    order = posts_of(POSTS).to_table().sort_by("uri")["text"].to_pylist()
    np.testing.assert_allclose(vectors_of(table), encode(tiny, order), atol=1e-5)
    assert embedded.texts == 20


def _embed_until_killed(folder, scratch, store):
    """Cache two chunks, write half of the vectors of the third, and kill this process."""
    write, written = VectorCache._write, []

    def write_or_kill(store, file, content):
        written.append(file)
        if len([one for one in written if one.suffix == ".vectors"]) == 3:
            file.with_name(f".{file.name}.half").write_bytes(content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(store, file, content)

    VectorCache._write = write_or_kill
    CHUNK_TEXTS["cpu"] = 6
    embed(posts_of(POSTS), load(folder), scratch, store=store)


def test_a_killed_run_is_continued_with_its_next_chunk_and_the_same_bytes(tiny, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(CHUNK_TEXTS, "cpu", 6)
    scratches = [tmp_path / name for name in ("undisturbed", "killed", "again", "once more")]
    for scratch in scratches:
        scratch.mkdir()
    undisturbed = embed(posts_of(POSTS), tiny, scratches[0], store=tmp_path / "other store")

    killed = multiprocessing.get_context("spawn").Process(
        target=_embed_until_killed, args=(tiny_folder, scratches[1], tmp_path / "store")
    )
    killed.start()
    killed.join(timeout=600)
    again = embed(posts_of(POSTS), tiny, scratches[2], store=tmp_path / "store")
    once_more = embed(posts_of(POSTS), tiny, scratches[3], store=tmp_path / "store")

    assert killed.exitcode == -signal.SIGKILL
    assert (undisturbed.reused, again.reused, once_more.reused) == (0, 12, 20)
    assert again.vectors.read_bytes() == undisturbed.vectors.read_bytes() == once_more.vectors.read_bytes()


@pytest.mark.model
def test_vectors_cached_by_other_days_do_not_change_a_byte(tmp_path):
    model = load(EMBEDDED)
    texts = [f"{'the cat sat on the mat and ' * (number % 4)}it ran {number}" for number in range(40)]
    for name in ("other day", "with", "without"):
        (tmp_path / name).mkdir()
    embed(posts_of(texts[::3]), model, tmp_path / "other day", store=tmp_path / "store", vector_dtype="float16")

    with_store = embed(posts_of(texts), model, tmp_path / "with", store=tmp_path / "store", vector_dtype="float16")
    without = embed(posts_of(texts), model, tmp_path / "without", vector_dtype="float16")

    assert (with_store.posts, with_store.texts, with_store.reused, without.reused) == (40, 40, 14, 0)
    assert with_store.vectors.read_bytes() == without.vectors.read_bytes()


def test_float16_changes_a_vector_by_less_than_a_thousandth(tiny, tmp_path):
    texts = [f"{one} {other}" for one in WORDS for other in WORDS]
    (tmp_path / "half").mkdir()
    (tmp_path / "full").mkdir()

    half = vectors_of(pq.read_table(embed(posts_of(texts), tiny, tmp_path / "half", vector_dtype="float16").vectors))
    full = vectors_of(pq.read_table(embed(posts_of(texts), tiny, tmp_path / "full").vectors))

    half = half.astype(np.float32)
    assert (half * full).sum(1).min() > 1 - 1e-3
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-3)


def test_a_day_without_posts_gives_an_empty_table_of_the_models_width(tiny, tmp_path):
    embedded = embed(posts_of([]), tiny, tmp_path, vector_dtype="float16")

    assert pq.read_table(embedded.vectors).schema.equals(tables.embeddings_schema(DIMENSIONS))
    assert embedded.posts == 0
