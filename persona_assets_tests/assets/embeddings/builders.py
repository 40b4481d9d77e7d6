"""Small inputs for the tests of `embeddings`: a transformer with random weights, and posts."""

import json
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.embeddings.distinct_texts import write_distinct_texts
from persona_assets.assets.embeddings.embed import embed_texts, join_vectors_to_posts
from persona_assets.assets.embeddings.vector_cache import VectorCache
from persona_assets.text_encoder.device import choose_device
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import load_model
from persona_assets.text_encoder.tokenize import tokenize_texts

DIMENSIONS = 16
WORDS = [
    "the",
    "a",
    "cat",
    "dog",
    "sat",
    "ran",
    "on",
    "under",
    "red",
    "blue",
    "mat",
    "tree",
    "and",
    "then",
    "it",
    "was",
    "query",
]


def make_model(folder: Path, *, pooling: dict | None = None, prompts: dict | None = None, safe=True) -> Path:
    """Save a two-layer BERT with random weights in the layout of `transformers` and sentence-transformers."""
    import torch  # noqa: PLC0415 - 2 s, not for those who only collect tests
    from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: PLC0415 - 3 s, the same

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ":", *WORDS]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=DIMENSIONS,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    model = BertModel(config)
    if safe:
        model.save_pretrained(folder)
    else:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        config.save_pretrained(folder)
    words = {word: number for number, word in enumerate(vocabulary)}
    BertTokenizerFast(vocab=words, model_max_length=32).save_pretrained(folder)
    if pooling is not None:
        state(folder, "modules.json", [_module("", "Transformer"), _module("1_Pooling", "Pooling")])
        state(folder, "1_Pooling/config.json", pooling)
    if prompts is not None:
        state(folder, "config_sentence_transformers.json", prompts)
    return folder


def state(folder: Path, file: str, content) -> None:
    """Write one of a model's JSON files."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(json.dumps(content), encoding="utf-8")


def load(folder, *, max_tokens=128, precision="float32"):
    """The model in this folder, on the CPU."""
    return load_model(str(folder), device=choose_device("cpu"), precision=precision, max_tokens=max_tokens)


def posts_of(texts, *, batch_rows=None):
    """`english_posts` with these texts, written by three users in turn, as a dataset."""
    rows = [
        {
            "uri": f"at://did:plc:{n % 3}/app.bsky.feed.post/{n:04d}",
            "user_id": f"did:plc:{n % 3}",
            "action": "post",
            "text": text,
            "event_time_us": n,
            "is_english": True,
            "language_reason": "detected",
        }
        for n, text in enumerate(texts)
    ]
    return dataset(rows, batch_rows=batch_rows)


def dataset(rows, *, batch_rows=None):
    """`english_posts` with these rows, in batches of `batch_rows`."""
    table = pa.Table.from_pylist(rows, schema=tables.ENGLISH_POSTS)
    return pads.dataset(table.to_batches(max_chunksize=batch_rows), schema=table.schema)


def encode(model, texts):
    """The float32 vectors of these texts."""
    return Encoder(model).encode(tokenize_texts(model, texts))


class Embedded(NamedTuple):
    """The file of a day, and counts of posts, distinct texts and those found in the cache."""

    vectors: Path
    posts: int
    texts: int
    reused: int


def embed(posts, model, scratch, *, vector_dtype="float32", store=None):
    """Embed the posts of a day; vectors are cached in the folder `store`, if there is one."""
    posts_and_texts = write_distinct_texts(posts, scratch=scratch, memory_limit="200MB")
    encoder = Encoder(model, vector_dtype=vector_dtype)
    cache = store and VectorCache(store, key=model.vector_cache_key(), dimensions=model.dimensions, dtype=vector_dtype)
    vectors = embed_texts(posts_and_texts, encoder, cache, scratch=scratch)
    result = join_vectors_to_posts(posts_and_texts.posts, vectors, scratch=scratch)
    return Embedded(result.vectors, result.posts, vectors.texts, vectors.reused)


def _module(path, kind):
    return {"idx": 0, "name": "0", "path": path, "type": f"sentence_transformers.models.{kind}"}
