"""How well one GPU is used: e5-large's and MiniLM's shapes with random weights, against the GPU's own matrix product.

    make bench-gpu                                              # writes bench_gpu.md
    python benchmarks/bench_gpu.py --out FILE --minutes 9       # the same; ends within the minutes
    python benchmarks/bench_gpu.py --device cpu --smoke         # a tiny model, seconds: that it runs

Needs a Python with torch, transformers, pyarrow and numpy; sentence-transformers where it is installed. No network: the
weights are random, the tokenizer is trained here on words made up here. The texts' numbers of characters are those of
real posts: "short" are tweets (median 68), "mixed" are half tweets, half newsgroups' texts cut to 300 characters.

Ways: "encode" is `Encoder.encode` on tokens that are ready, "by length" the same in batches of texts of one length, as
for networks that `packed_bert` does not know. "stream" goes from texts to vectors as the asset
`embeddings` does, chunk after chunk, the next chunk tokenised while one is computed. "sentence-transformers" goes from
texts to vectors at its best batch size of several; where it is missing, "plain loop" does what it does: sort by
characters, batch, pad, mean-pool.

MFU is the arithmetic that the texts' own tokens need, a second, as a share of the best matrix product of the same
precision measured on the same device in this run. "GPU busy" is the time that kernels ran (torch.profiler, on one
chunk) over the wall time of the same work without the profiler. The table is written after each row, so a run that is
cut off leaves what it measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import importlib.util
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

sys.path.insert(0, str(Path(__file__).parents[1]))  # the package need not be installed

from persona_assets.text_encoder.device import Device, choose_device
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import Replica, TextModel, load_model
from persona_assets.text_encoder.packed_bert import (
    Attention,
    PackedBert,
    Packing,
    attend_by_length,
    attend_packed,
)
from persona_assets.text_encoder.tokenize import (
    CHUNK_TEXTS,
    Tokens,
    tokenize_ahead,
    tokenize_texts,
)

SEED = 3
MAX_TOKENS = 128  # as PERSONA_MAX_TOKENS' default
# Characters of real posts, every twentieth of their distribution: the tweets of Blodgett, Wei and O'Connor 2017; and
# half of these, half the texts of 20 Newsgroups cut to 300 characters.
CHARACTERS = {
    "short": (3, 19, 27, 33, 39, 45, 49, 54, 59, 63, 68, 74, 80, 86, 93, 100, 109, 117, 126, 135, 153),
    "mixed": (3, 26, 38, 47, 57, 65, 73, 84, 97, 115, 127, 141, 215, *[300] * 8),
}
# Of English text: letters of a word.
LETTERS = np.array([0.03, 0.15, 0.2, 0.2, 0.12, 0.09, 0.08, 0.06, 0.04, 0.03])
WORDS, SUBWORDS = 30_000, 9_000  # so that a token has some 4 characters, as in English
BATCH_SIZES = (128, 512, 1024, 2048)  # of which sentence-transformers gets its best
TRIAL_TEXTS = 8_192  # for its choice
OTHER_TEXTS = 32_768  # that it is measured on: it sorts them all
FLOAT32_TEXTS = 8_192  # ten times as slow
STREAM_CHUNKS = {"e5-large": 4, "MiniLM": 12}  # a day has more: its start and its end weigh less
BUDGETS = (16_384, 32_768, 131_072, 262_144)
PART_LENGTHS = (22, 43, 128)  # the means of both kinds of texts, and the longest
ROUNDS = 3


class Shape(NamedTuple):
    """What the arithmetic of a transformer depends on."""

    layers: int
    width: int
    heads: int
    inner: int

    def count_flops(self, lengths: npt.NDArray[np.int64]) -> float:
        """Return the floating-point operations that texts of these lengths need, in tokens."""
        a_token = 2 * self.layers * (4 * self.width**2 + 2 * self.width * self.inner)
        return float(a_token * lengths.sum() + 4 * self.layers * self.width * (lengths.astype(float) ** 2).sum())


SHAPES = {"e5-large": Shape(24, 1024, 16, 4096), "MiniLM": Shape(6, 384, 12, 1536)}
SMOKE_SHAPES = {"e5-large": Shape(2, 64, 4, 128), "MiniLM": Shape(1, 32, 4, 64)}


class Report:
    """The tables measured so far, in a file after each row."""

    def __init__(self, out: Path | None, minutes: float) -> None:
        """Start the clock; `out` is overwritten with each line."""
        self._out, self._lines = out, list[str]()
        self._start = time.monotonic()
        self._end = self._start + 60 * minutes

    def left(self) -> float:
        """Return the seconds left."""
        return self._end - time.monotonic()

    def say(self, line: str) -> None:
        """Add a line to the file and print it."""
        self._lines.append(line)
        print(f"[{time.monotonic() - self._start:5.0f} s] {line}", flush=True)
        if self._out is not None:
            self._out.write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def table(self, *columns: str) -> None:
        """Begin a table."""
        for line in ("", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)):
            self.say(line)

    def row(self, *cells: object) -> None:
        """Add a row to the table."""
        self.say(f"| {' | '.join(map(str, cells))} |")


class Run(NamedTuple):
    """A way to embed texts, measured."""

    texts: int
    seconds: float  # median of rounds
    spread: float  # (slowest - fastest) / median
    host: float  # CPU seconds of all threads, of the median round


class Bench:
    """What all rows share: the device, the texts, the clock."""

    def __init__(self, device: Device, report: Report, *, smoke: bool) -> None:
        """Make the texts; `smoke` takes few, and tiny models."""
        self.device, self.report, self.smoke = device, report, smoke
        self.shapes = SMOKE_SHAPES if smoke else SHAPES
        self.most = 120 if smoke else max(STREAM_CHUNKS.values()) * CHUNK_TEXTS["cuda"]
        self.corpus = {kind: make_texts(self.most, kind) for kind in CHARACTERS}
        self.peaks: dict[str, float] = {}

    def synchronize(self) -> None:
        """Wait for the GPU."""
        if self.device.kind == "cuda":
            torch.cuda.synchronize()

    def measure(self, work: Callable[[int], object], count: int, *, warm_up: bool = True, times: int = ROUNDS) -> Run:
        """Time `work(count)` some times, after a time that counts for nothing."""
        if warm_up:
            work(count)  # all lengths of batches are seen: kernels are chosen, memory is had
        rounds = sorted(self._time(work, count) for _ in range(1 if self.smoke else times))
        walls = [wall for wall, _ in rounds]
        median = statistics.median(walls)
        return Run(count, median, (walls[-1] - walls[0]) / median, rounds[len(rounds) // 2][1])

    def _time(self, work: Callable[[int], object], count: int) -> tuple[float, float]:
        self.synchronize()
        start, cpu = time.perf_counter(), time.process_time()
        work(count)
        self.synchronize()
        return time.perf_counter() - start, time.process_time() - cpu

    def kernel_seconds(self, work: Callable[[], object]) -> float | None:
        """Return for how long kernels and copies run on the GPU in `work`; None where that cannot be told."""
        if self.device.kind != "cuda":
            return None
        from torch.profiler import ProfilerActivity, profile  # noqa: PLC0415 - of a GPU only

        self.synchronize()
        with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
            work()
            self.synchronize()
        kernels = [event for event in profiled.key_averages() if str(event.device_type) == "DeviceType.CUDA"]
        return sum(event.self_device_time_total for event in kernels) / 1e6


def make_words(rng: np.random.Generator) -> list[str]:
    """Return made-up words of English lengths."""
    letters = np.array(list("etaoinshrdlcumwfgypbvk"))
    weights = 1 / np.arange(1, len(letters) + 1)
    sizes = rng.choice(np.arange(1, len(LETTERS) + 1), WORDS, p=LETTERS / LETTERS.sum())
    drawn = rng.choice(letters, int(sizes.sum()), p=weights / weights.sum())
    return ["".join(word) for word in np.split(drawn, np.cumsum(sizes)[:-1])]


def make_texts(count: int, kind: str) -> list[str]:
    """Return distinct texts of Zipfian words, as long as the posts of `CHARACTERS[kind]`."""
    rng = np.random.default_rng(SEED)
    words = make_words(rng)
    characters = np.interp(rng.random(count), np.linspace(0, 1, 21), CHARACTERS[kind]).astype(int)
    # Zipf's law, by inversion.
    ranks = (WORDS ** rng.random(int(characters.sum()) // 4 + 20 * count)).astype(int) - 1
    texts, at = [], 0
    for number, size in enumerate(characters.tolist()):
        picked = [words[rank] for rank in ranks[at : at + size // 4 + 2]]
        at += size // 4 + 2
        texts.append(f"{' '.join(picked)[: max(1, size - 7)]} {number}")
    return texts


def make_model(folder: Path, shape: Shape) -> None:
    """Write a BERT of this shape with random weights, and a WordPiece tokenizer trained on texts made here."""
    from tokenizers import BertWordPieceTokenizer  # noqa: PLC0415 - comes with transformers
    from transformers import BertConfig, BertModel, BertTokenizerFast  # noqa: PLC0415 - 3 s

    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(make_texts(5_000, "mixed"), vocab_size=SUBWORDS, show_progress=False)
    tokenizer = BertTokenizerFast(tokenizer_object=trained._tokenizer, model_max_length=512)  # noqa: SLF001 - as its docs
    tokenizer.save_pretrained(folder)
    torch.manual_seed(SEED)
    config = BertConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
    )
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):  # drawing 300 M numbers takes a CPU 10 s
        BertModel(config).cpu().save_pretrained(folder)


def measure_peaks(bench: Bench) -> None:
    """Print the machine, and the matrix product's FLOP/s in each precision."""
    device, report = bench.device, bench.report
    report.say(f"{device.count} x {device.name}, torch {torch.__version__}, {torch.get_num_threads()} CPU threads")
    report.table("matrix product", *(names := ("float32", "tf32", "bfloat16", "float16")))
    sizes = ((256, 256, 256),) if bench.smoke else ((16_384, 1_024, 4_096), (16_384, 4_096, 1_024), (8_192,) * 3)
    for rows, inner, outer in sizes:
        found = {name: _multiply(bench, name, rows, inner, outer) for name in names}
        for name, rate in found.items():
            bench.peaks[name] = max(bench.peaks.get(name, 0.0), rate)
        report.row(f"{rows} x {inner} x {outer}", *(f"{rate / 1e12:,.1f} TFLOP/s" for rate in found.values()))


def _multiply(bench: Bench, precision: str, rows: int, inner: int, outer: int) -> float:
    dtype = torch.float32 if precision == "tf32" else getattr(torch, precision)
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    left, right = (torch.randn(shape, device=bench.device.kind).to(dtype) for shape in ((rows, inner), (inner, outer)))
    result = left @ right
    repeats = 1 if bench.smoke else 20
    best = float("inf")
    for _ in range(3):
        bench.synchronize()
        start = time.perf_counter()
        for _ in range(repeats):
            torch.mm(left, right, out=result)
        bench.synchronize()
        best = min(best, (time.perf_counter() - start) / repeats)
    torch.backends.cuda.matmul.allow_tf32 = False
    return 2.0 * rows * inner * outer / best


class ModelBench:
    """The rows of one shape."""

    def __init__(self, bench: Bench, name: str, folder: Path) -> None:
        """Name the shape and the folder of its model."""
        self.bench, self.name, self.folder = bench, name, folder
        self.shape = bench.shapes[name]
        self.most = min(bench.most, STREAM_CHUNKS[name] * CHUNK_TEXTS["cuda"])
        self.tokens: dict[str, Tokens] = {}
        self.reference: npt.NDArray[np.floating] | None = None

    def load(self, precision: str, *, compiled: bool = False) -> TextModel:
        """Load the model as the product does; "float16" is ours here alone."""
        return load_model(
            str(self.folder),
            device=self.bench.device,
            precision=precision,  # type: ignore[arg-type]
            max_tokens=MAX_TOKENS,
            compiled=compiled,
        )

    def tokens_of(self, model: TextModel, kind: str, count: int) -> Tokens:
        """Return the tokens of the first texts."""
        if kind not in self.tokens:
            self.tokens[kind] = tokenize_texts(model, self.bench.corpus[kind][: self.most])
        whole = self.tokens[kind]
        lengths = whole.lengths[:count]
        return Tokens(whole.ids[: int(lengths.sum())], lengths, 0)

    def begin(self, model: TextModel) -> None:
        """Say which texts there are, and begin the table."""
        report = self.bench.report
        report.say(f"\n## {self.name}: {self.shape._asdict()}")
        for kind in CHARACTERS:
            lengths = self.tokens_of(model, kind, self.most).lengths
            report.say(
                f"{kind}: {len(lengths):,} texts, tokens: mean {lengths.mean():.1f}, median {np.median(lengths):.0f}, "
                f"95 % {np.quantile(lengths, 0.95):.0f}, most {lengths.max()}"
            )
        self.begin_ways()

    def begin_ways(self) -> None:
        """Begin the table of ways."""
        self.bench.report.table(
            "way", "texts are", "precision", "tokens a batch", "texts", "texts/s", "MFU", "GPU busy",
            "host CPU us/text", "spread", "least cosine to float32",
        )  # fmt: skip

    def row(  # noqa: PLR0913, PLR0917 - a column each
        self, way: str, kind: str, precision: str, detail: object, run: Run, busy: float | None, cosine: str
    ) -> None:
        """Add a row."""
        flops = self.shape.count_flops(self.tokens[kind].lengths[: run.texts])
        self.bench.report.row(
            way, kind, precision, detail, f"{run.texts:,}", f"{run.texts / run.seconds:,.0f}",
            f"{flops / run.seconds / self.bench.peaks[precision.split(',', maxsplit=1)[0]]:.1%}",
            "-" if busy is None else f"{busy:.0%}", f"{run.host / run.texts * 1e6:.1f}", f"{run.spread:.0%}", cosine,
        )  # fmt: skip

    def cosine(self, embed: Callable[[list[str]], npt.NDArray[np.floating]]) -> str:
        """Return the least cosine to the vectors of the first way, which is ours in float32."""
        vectors = embed(self.bench.corpus["short"][:512]).astype(np.float32)
        if self.reference is None:
            self.reference = vectors
        return f"{float((vectors * self.reference).sum(1).min()):.5f}"

    def encode_row(
        self, model: TextModel, kind: str, label: str, *, budget: int | None = None, way: str = "encode"
    ) -> None:
        """Measure `Encoder.encode` on tokens that are ready, in chunks as the product cuts them."""
        encoder = Encoder(model, vector_dtype="float16", token_budget=budget)
        most = FLOAT32_TEXTS if label == "float32" else CHUNK_TEXTS["cuda"]

        def work(count: int) -> None:
            encoder.encode(self._part(model, kind, 0, count))

        run = self.bench.measure(work, min(most, self.bench.most))
        kernels = self.bench.kernel_seconds(lambda: work(run.texts))
        whole = Encoder(model, token_budget=budget)
        cosine = self.cosine(lambda texts: whole.encode(tokenize_texts(model, texts)))
        self.row(way, kind, label, budget or "default", run, None if kernels is None else kernels / run.seconds, cosine)

    def by_length_row(self, model: TextModel, kind: str, label: str) -> None:
        """Measure the same without packing, as for networks that cannot be packed."""
        self.encode_row(_with_network(model, model.replicas[0].network), kind, label, way="encode by length")

    def attention_row(self, model: TextModel, kind: str, attention: Attention) -> None:
        """Measure the same with another attention."""
        replica = model.replicas[0]
        packed = PackedBert(replica.network, attention)
        other = dataclasses.replace(model, replicas=(dataclasses.replace(replica, packed=packed),))
        self.encode_row(other, kind, "bfloat16", way=f"encode, {attention.__name__}")

    def parts(self, model: TextModel) -> None:
        """Print what the parts of a layer cost, on tokens of texts of one length."""
        report, shape, place = self.bench.report, self.shape, model.replicas[0].place
        report.table("part of a layer, bfloat16", *(f"ns a token, texts of {length} tokens" for length in PART_LENGTHS))
        found: dict[str, list[str]] = {}
        for length in PART_LENGTHS:
            texts = (256 if self.bench.smoke else 65_536) // length
            for name, seconds in _time_parts(self.bench, shape, texts, length, place).items():
                found.setdefault(name, []).append(f"{seconds / (texts * length) * 1e9:.2f}")
        for name, cells in found.items():
            report.row(name, *cells)
        flops = [self.shape.count_flops(np.array([length])) / length / shape.layers for length in PART_LENGTHS]
        report.row(
            "all, at the best matrix product", *(f"{some / self.bench.peaks['bfloat16'] * 1e9:.2f}" for some in flops)
        )

    def _part(self, model: TextModel, kind: str, start: int, stop: int) -> Tokens:
        whole = self.tokens_of(model, kind, self.most)
        ends = np.cumsum(whole.lengths)
        first = int(ends[start - 1]) if start else 0
        return Tokens(whole.ids[first : int(ends[stop - 1])], whole.lengths[start:stop], 0)

    def stream_row(self, model: TextModel, kind: str, label: str) -> None:
        """Measure texts to vectors as the asset makes them, but for reading and writing files."""
        encoder, size = Encoder(model, vector_dtype="float16"), CHUNK_TEXTS["cuda"]

        fill: list[float] = []

        def work(count: int) -> None:
            # As `embed_texts`: while the vectors of a chunk are waited for, the next one is under way.
            with ThreadPoolExecutor(1) as waiting:
                ahead: Future[Any] | None = None
                begun = time.perf_counter()
                for number, (_, tokens) in enumerate(tokenize_ahead(model, self._chunks(kind, count))):
                    if number == 0:
                        fill.append(time.perf_counter() - begun)
                    started = waiting.submit(encoder.start_encoding(tokens).result)
                    if ahead is not None:
                        ahead.result()
                    ahead = started

        # The first time counts for nothing: it takes up to twice as long, while memory of the host is met first.
        run = self.bench.measure(work, self.most, times=2)
        chunk = min(run.texts, size)
        kernels = self.bench.kernel_seconds(lambda: encoder.encode(self._part(model, kind, 0, chunk)))
        busy = None if kernels is None else kernels / chunk * run.texts / run.seconds
        self.row("stream", kind, label, f"default, the first after {min(fill):.2f} s", run, busy, "-")

    def _chunks(self, kind: str, count: int) -> Iterator[tuple[int, pa.Array]]:
        texts, size = pa.array(self.bench.corpus[kind][:count]), CHUNK_TEXTS["cuda"]
        for start in range(0, count, size):
            yield start, texts[start : start + size]

    def other_row(self, model: TextModel, kind: str, precision: str) -> None:
        """Measure sentence-transformers, or a plain loop where it is missing, at the best of several batch sizes."""
        texts = self.bench.corpus[kind]
        self.tokens_of(model, kind, self.most)
        if importlib.util.find_spec("sentence_transformers"):
            way, embed = "sentence-transformers", _sentence_transformers(self.folder, self.bench.device, precision)
        else:
            way, embed = "plain loop", _plain_loop(model)
        trial = texts[:TRIAL_TEXTS]
        seconds: dict[int, float] = {}
        for size in BATCH_SIZES[:2] if self.bench.smoke else BATCH_SIZES:
            embed(trial, size)
            self.bench.synchronize()
            start = time.perf_counter()
            embed(trial, size)
            self.bench.synchronize()
            seconds[size] = time.perf_counter() - start
        best = min(seconds, key=seconds.__getitem__)
        rates = ", ".join(f"{size}: {len(trial) / spent:,.0f}" for size, spent in seconds.items())
        run = self.bench.measure(lambda count: embed(texts[:count], best), min(OTHER_TEXTS, self.bench.most))
        kernels = self.bench.kernel_seconds(lambda: embed(trial, best))
        busy = None if kernels is None else kernels / seconds[best]
        cosine = self.cosine(lambda some: embed(some, best))
        self.row(way, kind, precision, f"{best} texts", run, busy, cosine)
        print(f"          texts/s by batch size: {rates}", flush=True)

    def stages(self, model: TextModel, kind: str) -> None:
        """Print what the host spends on a text, stage by stage, each alone."""
        count = min(self.bench.most, CHUNK_TEXTS["cuda"])
        texts, tokens = pa.array(self.bench.corpus[kind][:count]), self.tokens_of(model, kind, count)
        encoder = Encoder(model, vector_dtype="float16")
        self.bench.report.table("stage of a text's way", "wall us", "CPU us, all threads", "CPU us, its own thread")
        self._stage("tokenise", lambda: tokenize_texts(model, texts), count)
        whole = self.most
        self._stage("tokenise ahead, in threads", lambda: list(tokenize_ahead(model, self._chunks(kind, whole))), whole)
        self._stage("encode, all", lambda: encoder.encode(tokens), count)
        self._stage(
            "encode, start", lambda: encoder.start_encoding(tokens), count, then=lambda started: started.result()
        )
        self._stage("sort by length", lambda: np.argsort(tokens.lengths, kind="stable")[::-1], count)
        self._stage("gather ids of a batch", lambda: _gather(tokens), count)
        if self.bench.device.kind == "cuda":
            self._stage("pin and copy ids", lambda: _copy(tokens, self.bench.device), count)
        if importlib.util.find_spec("xxhash"):
            hashing = importlib.import_module("persona_assets.assets.embeddings.vector_cache")
            self._stage("hash", lambda: hashing.hash_texts(texts), count)

    def _stage(
        self, name: str, work: Callable[[], Any], count: int, *, then: Callable[[Any], object] | None = None
    ) -> None:
        work()
        self.bench.synchronize()
        wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
        result = work()
        if then is None:
            self.bench.synchronize()
        spent = (time.perf_counter() - wall, time.process_time() - process, time.thread_time() - thread)
        self.bench.report.row(name, *(f"{seconds / count * 1e6:.2f}" for seconds in spent))
        if then is not None:
            then(result)


def _time_parts(bench: Bench, shape: Shape, texts: int, length: int, place: str) -> dict[str, float]:
    """Return the seconds of each part of a layer, on random numbers."""
    tokens, functional = texts * length, torch.nn.functional

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, device=place, dtype=torch.float32).to(torch.bfloat16)

    narrow, wide, norm = draw(tokens, shape.width), draw(tokens, shape.inner), (draw(shape.width), draw(shape.width))
    heads = draw(tokens, 3, shape.heads, shape.width // shape.heads).unbind(1)
    ends = torch.arange(0, tokens + 1, length, device=place, dtype=torch.int32)
    packing, bias = Packing(ends, ((texts, length),)), draw(max(3 * shape.width, shape.inner))
    square, up = draw(shape.width, shape.width), draw(shape.inner, shape.width)
    triple, down = draw(3 * shape.width, shape.width), draw(shape.width, shape.inner)
    parts: dict[str, Callable[[], Any]] = {
        "query, key, value": lambda: functional.linear(narrow, triple, bias[: 3 * shape.width]),
        "attention by length": lambda: attend_by_length(heads[0], heads[1], heads[2], packing),
        "attention's output": lambda: functional.linear(narrow, square, norm[0]),
        "add": lambda: narrow + narrow,
        "layer norm": lambda: functional.layer_norm(narrow, narrow.shape[-1:], norm[0], norm[1]),
        "inner layer": lambda: functional.linear(narrow, up, bias[: shape.inner]),
        "GELU": lambda: functional.gelu(wide),
        "output": lambda: functional.linear(wide, down, norm[0]),
    }
    if place.startswith("cuda"):
        parts["attention by torch's varlen kernel"] = lambda: attend_packed(heads[0], heads[1], heads[2], packing)
        for backend in (
            SDPBackend.FLASH_ATTENTION,
            SDPBackend.CUDNN_ATTENTION,
            SDPBackend.EFFICIENT_ATTENTION,
            SDPBackend.MATH,
        ):
            parts[f"attention by length, {backend.name}"] = functools.partial(_attend_by, backend, heads, packing)
    return {name: seconds for name, part in parts.items() if (seconds := _time_part(bench, part)) is not None}


def _attend_by(backend: SDPBackend, heads: tuple[torch.Tensor, ...], packing: Packing) -> Any:
    with sdpa_kernel(backend):
        return attend_by_length(heads[0], heads[1], heads[2], packing)


def _time_part(bench: Bench, part: Callable[[], Any]) -> float | None:
    """Return the least seconds of a call; None where the device has no such kernel."""
    repeats, best = (1 if bench.smoke else 20), float("inf")
    with torch.inference_mode():
        try:
            part()
        except RuntimeError:
            return None
        for _ in range(3):
            bench.synchronize()
            start = time.perf_counter()
            for _ in range(repeats):
                part()
            bench.synchronize()
            best = min(best, (time.perf_counter() - start) / repeats)
    return best


def _with_network(model: TextModel, network: Any) -> TextModel:
    return dataclasses.replace(model, replicas=(Replica(model.replicas[0].place, network),))


def _gather(tokens: Tokens) -> None:
    order = np.argsort(tokens.lengths, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(tokens.lengths[order])) + 1):
        tokens.take(rows)


def _copy(tokens: Tokens, device: Device) -> None:
    for length in np.unique(tokens.lengths).tolist():
        rows = np.flatnonzero(tokens.lengths == length)
        torch.from_numpy(tokens.take(rows)).pin_memory().to(device.torch_names()[0], non_blocking=True)


Embed = Callable[[list[str], int], npt.NDArray[np.floating]]


def _sentence_transformers(folder: Path, device: Device, precision: str) -> Embed:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - optional

    model = SentenceTransformer(
        str(folder), device=device.kind, model_kwargs={"torch_dtype": getattr(torch, precision)}
    )
    model.max_seq_length = MAX_TOKENS

    def embed(texts: list[str], size: int) -> npt.NDArray[np.floating]:
        vectors: Any = model.encode(
            texts, batch_size=size, show_progress_bar=False, normalize_embeddings=True, convert_to_tensor=True
        )
        return vectors.float().cpu().numpy()

    return embed


def _plain_loop(model: TextModel) -> Embed:
    """Sort by characters, tokenise and pad batch after batch, mean-pool: as sentence-transformers does."""
    place, network = model.replicas[0].place, model.replicas[0].network

    def embed(texts: list[str], size: int) -> npt.NDArray[np.floating]:
        order = np.argsort([-len(text) for text in texts], kind="stable")
        parts: list[torch.Tensor] = []
        with torch.inference_mode():
            for start in range(0, len(order), size):
                batch = [texts[row] for row in order[start : start + size]]
                inputs = model.tokenizer(
                    batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
                ).to(place)
                hidden = network(**inputs).last_hidden_state
                mask = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                mean = (hidden * mask).sum(1) / mask.sum(1)
                parts.append(torch.nn.functional.normalize(mean, dim=1))
            found = torch.cat(parts).float().cpu().numpy()
        return found[np.argsort(order)]

    return embed


# Seconds that a row needs at most, and what measures it.
Row = tuple[float, Callable[[], None]]


def list_rows(bench: Bench, name: str, folder: Path, *, compiled: bool) -> tuple[list[Row], list[Row]]:
    """Make the model of a shape, and list its rows: those that matter most, and the others."""
    make_model(folder, bench.shapes[name])
    rows = ModelBench(bench, name, folder)
    exact, half = rows.load("float32"), rows.load("bfloat16")

    def begin() -> None:
        rows.begin(exact)
        rows.cosine(lambda texts: Encoder(exact).encode(tokenize_texts(exact, texts)))

    first: list[Row] = [
        (20, begin),
        (20, lambda: rows.encode_row(half, "short", "bfloat16")),
        (40, lambda: rows.stream_row(half, "short", "bfloat16")),
        (30, lambda: rows.encode_row(half, "mixed", "bfloat16")),
        (70, lambda: rows.stream_row(half, "mixed", "bfloat16")),
        (40, lambda: rows.other_row(half, "short", "bfloat16")),
        (50, lambda: rows.other_row(half, "mixed", "bfloat16")),
        (20, lambda: rows.stages(half, "short")),
        (15, lambda: rows.parts(half)),
    ]
    others: list[Row] = [
        (1, lambda: bench.report.say(f"\n## {name}: other precisions, batch sizes and ways")),
        (1, rows.begin_ways),
        (20, lambda: rows.encode_row(exact, "short", "float32")),
        (20, lambda: rows.by_length_row(half, "short", "bfloat16")),
    ]
    if bench.device.kind == "cuda":
        others.append((20, lambda: rows.encode_row(rows.load("float16"), "short", "float16")))  # a CPU's is slow
        ways = [(kind, attention) for kind in CHARACTERS for attention in (attend_by_length, attend_packed)]
        others += [(30, functools.partial(rows.attention_row, half, kind, attention)) for kind, attention in ways]
    budgets = BUDGETS[:1] if bench.smoke else BUDGETS
    others += [(20, functools.partial(rows.encode_row, half, "short", "bfloat16", budget=budget)) for budget in budgets]
    if compiled:
        others.append((240, lambda: run_compiled(rows)))
    return first, others


def run_rows(bench: Bench, work: list[Row]) -> None:
    """Measure rows as long as there is time for them."""
    for seconds, measure in work:
        if bench.report.left() < seconds and not bench.smoke:
            print("no time left: a row is left out", flush=True)
            continue
        try:
            measure()
        except Exception as error:
            if bench.smoke:
                raise
            # A machine is lent for minutes: a row that fails must not cost the others.
            bench.report.say(f"a row failed: {type(error).__name__}: {error}"[:500])


def run_compiled(rows: ModelBench) -> None:
    """Measure the compiled model."""
    model = rows.load("bfloat16", compiled=True)
    rows.encode_row(model, "short", "bfloat16, compiled")
    rows.stream_row(model, "short", "bfloat16, compiled")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the file of the tables; default: printed only")
    parser.add_argument("--minutes", type=float, default=9.0, help="no row is begun that would end later")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--shapes", nargs="*", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--smoke", action="store_true", help="tiny models and few texts: that it runs, not how fast")
    parser.add_argument(
        "--compile", action="store_true", help="add torch.compile, which took minutes and gained nothing"
    )
    parser.add_argument("--few", action="store_true", help="leave other precisions and batch sizes out")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    device = choose_device(arguments.device)
    report = Report(arguments.out, arguments.minutes)
    if device.kind == "cpu" and not arguments.smoke:
        report.say("no GPU: a small run, which shows that this works and says nothing of a GPU")
        arguments.smoke = True
    bench = Bench(device, report, smoke=arguments.smoke)
    with tempfile.TemporaryDirectory() as place:
        folders = {name: Path(place) / name for name in arguments.shapes}
        measure_peaks(bench)
        lists = [list_rows(bench, name, folder, compiled=arguments.compile) for name, folder in folders.items()]
        # The first rows of all shapes before the others of any: a lease may end.
        for first, _ in lists:
            run_rows(bench, first)
        for _, others in lists if not arguments.few else ():
            run_rows(bench, others)
    report.say("\ndone")


if __name__ == "__main__":
    main()
