"""Small inputs for the tests of this asset: a transformer of random weights, and posts."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.embeddings.distinct_texts import split_texts
from persona_assets.assets.embeddings.embed import embed_posts
from persona_assets.assets.embeddings.vector_cache import VectorStore
from persona_assets.common.progress import Progress
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
    """A BERT of two layers with random weights, as `transformers` and sentence-transformers would save it."""
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
    network = BertModel(config)
    if safe:
        network.save_pretrained(folder)
    else:
        torch.save(network.state_dict(), folder / "pytorch_model.bin")
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
    return load_model(str(folder), device=choose_device("cpu"), precision=precision, max_tokens=max_tokens)


def posts_of(texts, *, batch_rows=None):
    """`english_posts` of these texts, each by the next of three users, as a lazy dataset."""
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
    table = pa.Table.from_pylist(rows, schema=tables.ENGLISH_POSTS)
    return pads.dataset(table.to_batches(max_chunksize=batch_rows), schema=table.schema)


def encode(model, texts):
    """The float32 vectors of these texts."""
    return Encoder(model).encode(tokenize_texts(model, texts))


def embed(posts, model, scratch, *, vector_dtype="float32", store=None):
    """Embed a day in `scratch`, with the vectors kept in the folder `store`, if any."""
    split = split_texts(posts, scratch=scratch, memory_limit="200MB")
    progress = Progress(lambda _: None, what="texts", total=split.n_texts)
    encoder = Encoder(model, vector_dtype=vector_dtype)
    kept = store and VectorStore(store, key=model.key(), dimensions=model.dimensions, dtype=vector_dtype)
    return embed_posts(split, encoder, kept, scratch=scratch, progress=progress)


def _module(path, kind):
    return {"idx": 0, "name": "0", "path": path, "type": f"sentence_transformers.models.{kind}"}
