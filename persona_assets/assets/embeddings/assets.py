"""The asset `embeddings`."""

import datetime as dt
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.embeddings.distinct_texts import split_texts
from persona_assets.assets.embeddings.embed import Embedded, embed_posts
from persona_assets.assets.embeddings.machine_lock import (
    hold_machine_lock,
    make_folder,
    make_own_folder,
    needs_machine_lock,
)
from persona_assets.assets.embeddings.prune_cache import prune_store
from persona_assets.assets.embeddings.vector_cache import VectorStore
from persona_assets.assets.embeddings.vector_files import max_unit_length_error
from persona_assets.common.checks import Check, accounting_check
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.metadata import measured, provenance_table
from persona_assets.common.progress import Progress
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.errors import PersonaAssetsError
from persona_assets.executors.pool_slots import GPU_POOL
from persona_assets.io_managers.parquet_tables import NO_RETRY
from persona_assets.partitions import days_of_window, parse_day
from persona_assets.settings import ComputeDtype, DeviceName, VectorDtype, from_setting, read_settings
from persona_assets.text_encoder.device import choose_device, choose_precision
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import TextModel, load_model

# A float16 vector of unit length, rounded number by number, is off by less than this.
_LENGTH_TOLERANCE = 1e-3

# A GPU that has failed, or a node that went away, is another one or well again after a while.
_RETRIES, _RETRY_SECONDS = 2, 30

_ADDS_UP = accounting_check(
    "embeddings", of="post", advice="Posts have no vector, or more than one: report this, it is a defect."
)
_UNIT_VECTORS = Check(
    "embeddings",
    "vectors_are_finite_and_of_unit_length",
    "Vectors are not what the clusters need: delete the store of vectors (PERSONA_VECTOR_STORE) and materialize again; "
    "if that does not help, try PERSONA_COMPUTE_DTYPE=float32.",
    is_error=True,
)


class EmbeddingsConfig(SettingsConfig):
    """Which model makes the vectors, and where."""

    model: str = from_setting("model")
    device: DeviceName = from_setting("device")
    max_tokens: int = from_setting("max_tokens")
    compute_dtype: ComputeDtype = from_setting("compute_dtype")
    vector_dtype: VectorDtype = from_setting("vector_dtype")
    compile_model: bool = from_setting("compile_model")
    vector_store: str | None = from_setting("vector_store")
    vector_store_days: int = from_setting("vector_store_days")
    memory_limit: str = from_setting("memory_limit")


def build_embeddings(days: dg.DailyPartitionsDefinition, *, scheduled: bool = False) -> dg.AssetsDefinition:
    """Return the asset, whose input is the day's English posts.

    Args:
        days: Its partitions.
        scheduled: Whether a scheduler gives out the machines. If so, the step takes a slot of Dagster's pool; where the
            lock of `machine_lock.py` serialises it takes none, because a run that is killed keeps its slot for ever.
            A scheduler may also take a machine away. The step then receives SIGTERM and is retried. Elsewhere a person
            ends the step, and a retry policy would have it go on.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"pytorch", "huggingface", "parquet"},
        tags={"stage": "days"},
        owners=["team:persona_assets"],
        partitions_def=days,
        op_tags={"gpu": "1"},
        metadata=NO_RETRY,
        ins={"english_posts": dg.AssetIn(metadata=NO_RETRY)},
        pool=GPU_POOL if scheduled else None,
        check_specs=[_ADDS_UP.spec(days), _UNIT_VECTORS.spec(days)],
        # A node can go away in the middle of hours of work; what was done is in the store.
        retry_policy=dg.RetryPolicy(max_retries=_RETRIES, delay=_RETRY_SECONDS) if scheduled else None,
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        config: EmbeddingsConfig,
        scratch: Scratch,
        english_posts: pads.Dataset,
    ):
        """What each English post of the day is about, as a vector from a language model: alike posts have near vectors.

        One row is one post. All vectors have length 1, so that their cosine says how alike two posts are: 1 the same, 0
        nothing in common. Only vectors of one model can be compared: make all days of a window with one. Next:
        `clusters`.
        """
        folder = scratch.new_folder()
        with _tried_again_or_not(), explaining_full_disk(folder), measured() as cost:
            # Before the model is loaded, so that the two do not need their memory at the same time.
            split = split_texts(english_posts, scratch=folder, memory_limit=config.memory_limit)
            with _turn(context.log.info):
                model = _load(config)
                device = model.device
                context.log.info("%s on %d x %s (%s)", model.name, device.count, device.name, model.precision)
                made = build_provenance(
                    "embeddings",
                    days=days_of_window(context.partition_key, days),
                    settings=config.chosen() | _name_model(model),
                    libraries=("torch", "transformers"),
                    inputs=[english_posts],
                )
                embedded = embed_posts(
                    split,
                    Encoder(model, vector_dtype=config.vector_dtype),
                    _open_store(config, model),
                    scratch=folder,
                    progress=Progress(context.log.info, what="texts", total=split.n_texts),
                    day=parse_day(context.partition_key),
                    provenance=made,
                )
        context.log.info("%d posts, %d distinct texts, %d reused", embedded.posts, embedded.texts, embedded.reused)
        posts, worst = english_posts.count_rows(), max_unit_length_error(embedded.vectors)
        return dg.MaterializeResult(
            value=embedded.vectors,
            metadata={**_describe(model, embedded), **provenance_table(made), **cost},
            check_results=[
                _ADDS_UP.result(passed=posts == embedded.posts, posts=posts, vectors=embedded.posts),
                _UNIT_VECTORS.result(passed=worst <= _LENGTH_TOLERANCE, worst_difference_of_length=worst),
            ],
        )

    return embeddings


def _turn(log: Callable[[str], None]) -> AbstractContextManager[None]:
    """Have the machine to oneself, unless a scheduler sees to that."""
    if not needs_machine_lock(read_settings().executor):
        return nullcontext()
    named = read_settings().lock_dir
    folder = make_folder(Path(named)) if named else make_own_folder(Path(tempfile.gettempdir()))
    return hold_machine_lock(folder / "gpu.lock", log=log)


@contextmanager
def _tried_again_or_not() -> Generator[None]:
    """Let the step fail at once on errors that another attempt would meet again, and try again where the GPU failed."""
    try:
        yield
    except PersonaAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except RuntimeError as error:  # as torch says it
        raise dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=_RETRY_SECONDS) from error


def _load(config: EmbeddingsConfig) -> TextModel:
    device = choose_device(config.device)
    precision = choose_precision(config.compute_dtype, device)
    return load_model(
        config.model, device=device, precision=precision, max_tokens=config.max_tokens, compiled=config.compile_model
    )


def _open_store(config: EmbeddingsConfig, model: TextModel) -> VectorStore | None:
    """Return the store of vectors made in this way, with what is too old in it deleted."""
    data = read_settings().data
    root = config.vector_store or ("off" if "://" in data else f"{data}/vector_store")
    if root == "off":
        return None
    if not config.vector_store:
        _take_over_store(Path(data))
    prune_store(Path(root), before=(dt.datetime.now(dt.UTC) - dt.timedelta(config.vector_store_days)).timestamp())
    return VectorStore(Path(root), key=model.key(), dimensions=model.dimensions, dtype=config.vector_dtype)


def _take_over_store(data: Path) -> None:
    """Move the store from where version 0.1 had it, among the days of `embeddings`: other tools took it for one."""
    with suppress(OSError):  # there is none, or another node is faster: it is a cache
        if not (data / "vector_store").exists():
            (data / "embeddings" / "_store").rename(data / "vector_store")


def _name_model(model: TextModel) -> dict[str, str | int]:
    """Return what vectors depend on, for all machines: a model in a folder is known by its revision, not by a path."""
    name = "local folder" if Path(model.name).is_dir() else model.name
    return {**model.key(), "model": name, "device": model.device.kind}


def _describe(model: TextModel, embedded: Embedded) -> dict[str, str | int | float]:
    computed = embedded.texts - embedded.reused
    return {
        **model.key(),
        "recipe_source": model.recipe.source,
        "dimensions": model.dimensions,
        "device": model.device.kind,
        "device_name": model.device.name,
        "device_count": model.device.count,
        "distinct_texts": embedded.texts,
        "reused_texts": embedded.reused,
        "computed_texts": computed,
        "truncated_share": round(embedded.truncated / max(1, computed), 6),
        "computed_tokens": embedded.tokens,
    }
