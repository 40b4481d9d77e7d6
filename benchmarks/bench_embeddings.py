"""Measure the speed of embedding, compared with single texts, sentence-transformers, ONNX Runtime and OpenVINO.

    python benchmarks/bench_embeddings.py                          # MiniLM, this processor, one thread
    python benchmarks/bench_embeddings.py --shape e5-large --texts 60
    python benchmarks/bench_embeddings.py --device cuda --shape e5-large --texts 200000
    python benchmarks/bench_embeddings.py --ways ours-float32 ours-bfloat16 ours-compiled

All methods embed the same posts with the same weights, in turn, round after round, so that changes in the load of the
machine affect all of them. Posts are those in ../shared/data if it exists, else generated ones; they are distinct and
shuffled. Seconds are CPU seconds, or wall seconds on a GPU. MFU is the number of operations per second that the texts'
tokens need (without padding), relative to the fastest matrix product of the same precision on the same device.
"e5-large" has that model's shape (24 layers, 1024 wide) and random weights. sentence-transformers,
onnxruntime (with onnx, onnxscript) and openvino are left out if they are not installed.
"""

import argparse
import dataclasses
import gzip
import importlib.util
import json
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from persona_assets.sample.people import make_people
from persona_assets.sample.texts import generate_text
from persona_assets.sample.topics import TOPICS
from persona_assets.text_encoder.device import Device, Precision, choose_device
from persona_assets.text_encoder.encode import CPU_BUDGET, Encoder
from persona_assets.text_encoder.model import EMBEDDED, Replica, TextModel, find_model_folder, load_model
from persona_assets.text_encoder.tokenize import tokenize_texts

CORPORA = Path(__file__).parents[2] / "shared/data/corpora"
LONGEST = 300  # characters of a post
MAX_TOKENS = 128
SEED = 3
BATCH_SIZES = (32, 64, 128, 256, 512)  # of which sentence-transformers gets its best on a GPU

Embed = Callable[[list[str]], np.ndarray]


class Shape(NamedTuple):
    """The sizes that determine the number of operations of a transformer."""

    layers: int
    width: int
    inner: int


def read_texts(count: int) -> list[str]:
    """Return that many distinct posts in random order: half tweets, half the newsgroups' texts cut to a post."""
    rng = np.random.default_rng(SEED)
    if CORPORA.is_dir():
        with gzip.open(CORPORA / "english_labels_dev.tsv.gz", "rt", encoding="utf-8") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines][1:]
        tweets = [row[0] for row in rows if row[1] == "1"]
        with gzip.open(CORPORA / "newsgroups20_users.jsonl.gz", "rt", encoding="utf-8") as lines:
            posts = [" ".join(json.loads(line)["text"].split())[:LONGEST] for line in lines]
        pairs = zip(rng.permutation(tweets), rng.permutation(posts), strict=False)
        texts = [str(text) for pair in pairs for text in pair if text.strip()]
    else:
        texts = []
    people = make_people(200, len(TOPICS), rng)
    distinct = dict.fromkeys(texts[:count])
    while len(distinct) < count:
        # If there are not enough, generated posts are added, which a number makes distinct.
        person = people[int(rng.integers(len(people)))]
        distinct[f"{generate_text(person, list(TOPICS), rng, answering=False)} {len(distinct)}"] = None
    return [list(distinct)[index] for index in rng.permutation(len(distinct))]


def make_e5_large(folder: Path) -> None:
    """Write a model of e5-large's shape with random weights and the embedded model's tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertModel  # noqa: PLC0415 - 3 s

    torch.manual_seed(SEED)
    config = BertConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(find_model_folder(EMBEDDED)).save_pretrained(folder)


def ways(name: str, device: Device) -> Iterator[tuple[str, Callable[[], Embed]]]:
    """Yield the name of each method, and a function that loads it."""

    def load(precision: Precision, *, compiled: bool = False) -> TextModel:
        return load_model(name, device=device, precision=precision, max_tokens=MAX_TOKENS, compiled=compiled)

    yield "ours-float32", lambda: _ours(load("float32"))
    yield "ours-bfloat16", lambda: _ours(load("bfloat16"))
    yield "ours-compiled", lambda: _ours(load("bfloat16", compiled=True))
    yield "one-by-one", lambda: _one_by_one(_plain(load("float32")))
    folder = find_model_folder(name)
    if importlib.util.find_spec("sentence_transformers"):
        yield "st-float32", lambda: _sentence_transformers(folder, device, torch.float32)
        yield "st-bfloat16", lambda: _sentence_transformers(folder, device, torch.bfloat16)
        yield "st-sorted", lambda: _sorted_first(_sentence_transformers(folder, device, torch.float32), load("float32"))
    if importlib.util.find_spec("onnxruntime") and device.kind == "cpu":
        yield "onnxruntime-float32", lambda: _onnx(_plain(load("float32")))
    if importlib.util.find_spec("openvino") and device.kind == "cpu":
        yield "openvino-float32", lambda: _openvino(_plain(load("float32")), "f32")
        yield "openvino-bfloat16", lambda: _openvino(_plain(load("float32")), "bf16")


def _plain(model: TextModel) -> TextModel:
    """Return the model without prepacked layers, which other runtimes cannot export."""
    from transformers import AutoModel  # noqa: PLC0415 - 3 s, loaded with the model

    place = model.replicas[0].place
    network = AutoModel.from_pretrained(find_model_folder(model.name), dtype=torch.float32).to(place).eval()
    return dataclasses.replace(model, replicas=(Replica(place, network),))


def _ours(model: TextModel) -> Embed:
    return lambda texts: Encoder(model).encode(tokenize_texts(model, texts))


def _one_by_one(model: TextModel) -> Embed:
    """One text per forward pass, as in the reference, but with the model's pooling, so that vectors are comparable."""
    network = model.replicas[0].network

    def embed(texts: list[str]) -> np.ndarray:
        vectors = []
        with torch.inference_mode():
            for text in texts:
                tokens = model.tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TOKENS)
                hidden = network(**tokens.to(model.replicas[0].place)).last_hidden_state
                vectors.append(torch.nn.functional.normalize(hidden.mean(1), dim=1)[0].cpu().numpy())
        return np.stack(vectors)

    return embed


def _sentence_transformers(folder: Path, device: Device, dtype: torch.dtype) -> Embed:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - optional

    model = SentenceTransformer(str(folder), device=device.kind, model_kwargs={"dtype": dtype})
    model.max_seq_length = MAX_TOKENS

    def embed_by(size: int) -> Embed:
        return lambda texts: model.encode(
            texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True, convert_to_tensor=True
        ).float().cpu().numpy()  # fmt: skip

    if device.kind == "cpu":
        return embed_by(BATCH_SIZES[0])  # its default
    trial = read_texts(4096)
    best = min(BATCH_SIZES, key=lambda size: _time(embed_by(size), trial, device)[0])
    print(f"sentence-transformers {dtype}: its best batch size is {best}")
    return embed_by(best)


def _sorted_first(embed: Embed, model: TextModel) -> Embed:
    """Sort texts by number of tokens before encoding. sentence-transformers sorts them by characters."""

    def sort_and_embed(texts: list[str]) -> np.ndarray:
        order = np.argsort(tokenize_texts(model, texts).lengths)
        vectors = embed([texts[index] for index in order])
        return vectors[np.argsort(order)]

    return sort_and_embed


def _onnx(model: TextModel) -> Embed:
    import onnxruntime  # noqa: PLC0415 - optional

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        example = (torch.ones(2, 9, dtype=torch.int64), torch.ones(2, 9, dtype=torch.int64))
        axes = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens", max=512)}
        torch.onnx.export(
            _Mean(model.replicas[0].network), example, file, dynamo=True, dynamic_shapes=(axes, axes), verbose=False
        )
        session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return _in_our_batches(model, lambda ids, mask: session.run(None, dict(zip(names, (ids, mask), strict=True)))[0])


def _openvino(model: TextModel, precision: str) -> Embed:
    import openvino  # noqa: PLC0415 - optional

    example = {"ids": torch.ones(2, 9, dtype=torch.int64), "mask": torch.ones(2, 9, dtype=torch.int64)}
    converted = openvino.convert_model(_Mean(model.replicas[0].network), example_input=example)
    compiled = openvino.Core().compile_model(
        converted,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": 1,
        },
    )
    return _in_our_batches(model, lambda ids, mask: compiled([ids, mask])[0])


class _Mean(torch.nn.Module):
    """A module of a network and mean pooling, for the export."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


def _in_our_batches(model: TextModel, run: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Embed:
    """Let another runtime compute the same batches as this project's encoder."""

    def embed(texts: list[str]) -> np.ndarray:
        tokens = tokenize_texts(model, texts)
        order = np.argsort(tokens.lengths, kind="stable")[::-1]
        vectors, start = np.empty((len(texts), model.dimensions), np.float32), 0
        while start < len(order):
            length = int(tokens.lengths[order[start]])
            most = order[start : start + max(1, CPU_BUDGET // length)]
            rows = most[tokens.lengths[most] == length]
            ids = tokens.take(rows).reshape(len(rows), length).astype(np.int64)
            vectors[rows] = run(ids, np.ones_like(ids))
            start += len(rows)
        return vectors

    return embed


def measure_peak(device: Device, dtype: torch.dtype) -> float:
    """Return the FLOP/s of the fastest of several matrix products with shapes of a transformer."""
    rows = 2048 if device.kind == "cpu" else 16384
    best = 0.0
    for inner, outer in ((1024, 4096), (4096, 1024), (4096, 4096)):
        left, right = (torch.randn(shape, device=device.kind).to(dtype) for shape in ((rows, inner), (outer, inner)))
        for _ in range(8):
            start = _now(device)
            torch.nn.functional.linear(left, right)
            best = max(best, 2 * rows * inner * outer / (_now(device) - start))
    return best


def _now(device: Device) -> float:
    if device.kind == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _time(embed: Embed, texts: list[str], device: Device) -> tuple[float, np.ndarray]:
    start = _now(device)
    vectors = embed(texts)
    return _now(device) - start, vectors


def count_flops(shape: Shape, lengths: np.ndarray) -> float:
    """Return the floating-point operations that texts of these tokens need: projections, attention, inner layers."""
    a_token = 2 * shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.inner)
    return float(a_token * lengths.sum() + 4 * shape.layers * shape.width * (lengths.astype(float) ** 2).sum())


def run_rounds(
    ready: dict[str, Embed], texts: list[str], device: Device, rounds: int
) -> dict[str, tuple[float, float]]:
    """Return for each method the median seconds, and the minimum cosine to the vectors of the first method."""
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    cosines: dict[str, float] = {}
    expected: np.ndarray | None = None
    for _ in range(rounds):
        for name, embed in ready.items():
            spent, vectors = _time(embed, texts, device)
            expected = vectors if expected is None else expected
            seconds[name].append(spent)
            cosines[name] = float((vectors * expected).sum(1).min())
    return {name: (statistics.median(spent), cosines[name]) for name, spent in seconds.items()}


def report(name: str, texts: list[str], arguments: argparse.Namespace, device: Device) -> None:
    """Print the table."""
    model = load_model(name, device=device, precision="float32", max_tokens=MAX_TOKENS)
    config = model.replicas[0].network.config
    shape = Shape(config.num_hidden_layers, config.hidden_size, config.intermediate_size)
    tokens = tokenize_texts(model, texts)
    encoder = Encoder(model)
    print(
        f"{device.name}, torch {torch.__version__}, {torch.get_num_threads()} threads; {shape}; {len(texts):,} texts, "
        f"{len(tokens.ids):,} tokens (median {np.median(tokens.lengths):.0f}), "
        f"cut {tokens.truncated / len(texts):.1%}"
    )
    half = float((encoder.encode(tokens) * encoder.encode(tokens).astype(np.float16)).sum(1).min())
    print(f"float16 instead of float32 for the vectors kept: least cosine {half:.6f}")
    peaks = {dtype: measure_peak(device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    print(", ".join(f"{dtype} {peak / 1e9:,.0f} GFLOP/s" for dtype, peak in peaks.items()))
    wanted = {way: prepare for way, prepare in ways(name, device) if not arguments.ways or way in arguments.ways}
    ready = {way: prepare() for way, prepare in wanted.items()}
    for embed in ready.values():
        embed(texts[: min(200, len(texts))])  # warm up, and compile
    found = run_rounds(ready, texts, device, arguments.rounds)
    base = found.get("st-float32", next(iter(found.values())))[0]
    print("| way | texts/s | of sentence-transformers' time | least cosine | MFU |\n|---|---|---|---|---|")
    for way, (spent, cosine) in found.items():
        is_half = "bf" in way or "compiled" in way
        mfu = count_flops(shape, tokens.lengths) / spent / peaks[torch.bfloat16 if is_half else torch.float32]
        print(f"| {way} | {len(texts) / spent:,.1f} | {spent / base:.2f} | {cosine:.6f} | {mfu:.0%} |")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["minilm", "e5-large"], default="minilm")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ways", nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    device, texts = choose_device(arguments.device), read_texts(arguments.texts)
    if arguments.shape == "minilm":
        return report(EMBEDDED, texts, arguments, device)
    folder = Path(tempfile.mkdtemp())
    try:
        make_e5_large(folder)
        report(str(folder), texts, arguments, device)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
