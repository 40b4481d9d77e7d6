"""The asset `embeddings`."""

import dataclasses
import datetime as dt
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.dataset as pads

from persona_assets.assets.embeddings.distinct_texts import DeduplicatedTexts, write_distinct_texts
from persona_assets.assets.embeddings.embed import EmbeddingResult, TextVectors, embed_texts, join_vectors_to_posts
from persona_assets.assets.embeddings.machine_lock import (
    hold_machine_lock,
    make_lock_folder,
    make_private_folder,
    needs_machine_lock,
)
from persona_assets.assets.embeddings.prune_cache import prune_cache
from persona_assets.assets.embeddings.vector_cache import VectorCache
from persona_assets.common.checks import Check, build_accounting_check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.full_disk import explaining_full_disk
from persona_assets.common.metadata import build_count_table, measuring_time_and_memory, provenance_table
from persona_assets.common.progress import phase
from persona_assets.common.provenance import build_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import ConsentTables, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.errors import PersonaAssetsError
from persona_assets.executors.pool_slots import GPU_POOL
from persona_assets.io_managers.consent_tables import open_consent_tables
from persona_assets.io_managers.parquet_tables import NO_RETRY
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.settings import ComputeDtype, DeviceName, VectorDtype, from_setting, read_settings
from persona_assets.text_encoder.device import release_unused_gpu_memory
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import TextModel, load_requested_model

# Maximum difference of a norm from 1: rounding the components to float16 changes it by less than this.
_NORM_TOLERANCE = 1e-3

# Retries after a failure of the GPU or node. Half a minute later it may work again, or the scheduler assigns another.
_RETRIES, _RETRY_SECONDS = 2, 30

_ADDS_UP = build_accounting_check(
    "embeddings", of="post", advice="Posts have no vector, or more than one: report this, it is a defect."
)
_UNIT_VECTORS = Check(
    "embeddings",
    "vectors_are_finite_and_of_unit_length",
    "Vectors are not finite or not of unit length: delete the vector store (PERSONA_VECTOR_STORE) and materialize "
    "again; if that does not help, try PERSONA_COMPUTE_DTYPE=float32.",
    is_error=True,
)


class EmbeddingsConfig(SettingsConfig):
    """Run config of `embeddings`: the model, its device and precision, the cache of vectors, and who is left out."""

    model: str = from_setting("model")
    device: DeviceName = from_setting("device")
    max_tokens: int = from_setting("max_tokens")
    compute_dtype: ComputeDtype = from_setting("compute_dtype")
    vector_dtype: VectorDtype = from_setting("vector_dtype")
    compile_model: bool = from_setting("compile_model")
    vector_store: str | None = from_setting("vector_store")
    vector_store_days: int = from_setting("vector_store_days")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_embeddings(
    days: dg.DailyPartitionsDefinition, *, scheduled: bool = False, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `embeddings`: the vector of each English post of a day.

    Args:
        days: Its daily partitions.
        scheduled: Whether a scheduler (Slurm, Kubernetes) assigns machines to steps. If so, the step takes a slot of
            Dagster's GPU pool and has a retry policy, because the scheduler may end it with SIGTERM. Without a
            scheduler the lock of `machine_lock.py` serialises steps, and a person ends them. The step then has no pool,
            because a killed run keeps its slot, and no retry policy, which would start an ended step again.
        consents: Whether the graph has the asset `consents`, which then says whose posts are left out.
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
        deps=["consents"] if consents else [],
        pool=GPU_POOL if scheduled else None,
        check_specs=[_ADDS_UP.spec(days), _UNIT_VECTORS.spec(days)],
        # A scheduler can take the node away after hours of work. The retry reuses the vectors in the vector store.
        retry_policy=dg.RetryPolicy(max_retries=_RETRIES, delay=_RETRY_SECONDS) if scheduled else None,
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        config: EmbeddingsConfig,
        scratch: Scratch,
        english_posts: pads.Dataset,
    ):
        """A vector for each English post of the day, from a language model: similar posts have similar vectors.

        One row is one post. All vectors have length 1. The cosine of two vectors says how similar two posts are: 1 is
        equal, 0 is unrelated. Only vectors of one model can be compared: make all days of a window with the same model.
        Posts of accounts that refuse embedding, and deleted posts, have none: `left_out` counts them by reason. Next:
        `clusters`.
        """
        folder = scratch.new_folder()
        with _choosing_retries(), explaining_full_disk(folder), measuring_time_and_memory(context.log.info) as cost:
            # Before the model is loaded, so that the query and the model do not need their memory at the same time.
            said = open_consent_tables(in_graph=consents, since=context.partition_key)
            posts_and_texts = _deduplicate(english_posts, said, config, folder)
            with _lock_machine(on_wait=context.log.info):
                with phase("loading the model"):
                    model = _load(config)
                context.log.info("%s on %s (%s)", model.name, model.device.describe(), model.precision)
                made = build_provenance(
                    "embeddings",
                    days=list_window_days(context.partition_key, days),
                    settings=config.result_settings() | model.provenance(),
                    libraries=("torch", "transformers"),
                    inputs=[english_posts, *said.list_inputs()],
                )
                vectors = embed_texts(
                    posts_and_texts,
                    Encoder(model, vector_dtype=config.vector_dtype),
                    _open_cache(config, model),
                    scratch=folder,
                )
                # The rest needs no device: it is free for the step that waits for it.
                model = dataclasses.replace(model, replicas=())
                release_unused_gpu_memory(model.device)
            posts_file, day = posts_and_texts.posts, parse_day(context.partition_key)
            result = join_vectors_to_posts(posts_file, vectors, scratch=folder, day_column=day, provenance=made)
        context.log.info("%d posts, %d distinct texts, %d reused", result.posts, vectors.texts, vectors.reused)
        return dg.MaterializeResult(
            value=result.vectors,
            metadata={**_describe(model, vectors, posts_and_texts), **provenance_table(made), **cost},
            check_results=_check(result, posts_and_texts, posts=english_posts.count_rows()),
        )

    return embeddings


def _deduplicate(
    english_posts: pads.Dataset, said: ConsentTables, config: EmbeddingsConfig, scratch: Path
) -> DeduplicatedTexts:
    """Deduplicate the texts of the day, without those of posts that are left out."""
    work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch)
    rules = leave_out_rules("embeddings", deletions=config.deletions, embedding=config.consent_embedding)
    return write_distinct_texts(english_posts, left_out=find_left_out(english_posts, said, rules, **work), **work)


def _check(result: EmbeddingResult, posts_and_texts: DeduplicatedTexts, *, posts: int) -> list[dg.AssetCheckResult]:
    left_out, max_error = sum(posts_and_texts.left_out.values()), result.max_unit_length_error
    return [
        _ADDS_UP.result(passed=posts == result.posts + left_out, posts=posts, vectors=result.posts, left_out=left_out),
        _UNIT_VECTORS.result(passed=max_error <= _NORM_TOLERANCE, worst_difference_of_length=max_error),
    ]


def _lock_machine(*, on_wait: Callable[[str], None]) -> AbstractContextManager[None]:
    """Return the machine lock; a context manager that does nothing if a scheduler assigns machines."""
    if not needs_machine_lock(read_settings().executor):
        return nullcontext()
    lock_dir = read_settings().lock_dir
    folder = make_lock_folder(Path(lock_dir)) if lock_dir else make_private_folder(Path(tempfile.gettempdir()))
    return hold_machine_lock(folder / "gpu.lock", on_wait=on_wait)


@contextmanager
def _choosing_retries() -> Generator[None]:
    """Turn errors that a retry would meet again into a failure without retries, and GPU errors into a retry request."""
    try:
        yield
    except PersonaAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except RuntimeError as error:  # the base class of torch's errors of the GPU
        raise dg.RetryRequested(max_retries=_RETRIES, seconds_to_wait=_RETRY_SECONDS) from error


def _load(config: EmbeddingsConfig) -> TextModel:
    return load_requested_model(
        config.model,
        device=config.device,
        compute_dtype=config.compute_dtype,
        max_tokens=config.max_tokens,
        compiled=config.compile_model,
    )


def _open_cache(config: EmbeddingsConfig, model: TextModel) -> VectorCache | None:
    """Delete old vectors from the vector store, and return its cache for this model; None if it is switched off."""
    data = read_settings().data
    root = config.vector_store or ("off" if "://" in data else f"{data}/vector_store")
    if root == "off":
        return None
    if not config.vector_store:
        _move_cache_of_version_0_1(Path(data))
    prune_cache(
        Path(root), last_used_before=(dt.datetime.now(dt.UTC) - dt.timedelta(config.vector_store_days)).timestamp()
    )
    return VectorCache(Path(root), key=model.vector_cache_key(), dimensions=model.dimensions, dtype=config.vector_dtype)


def _move_cache_of_version_0_1(data: Path) -> None:
    """Move the vector store out of the folder of `embeddings`, where other tools read it as a partition."""
    with suppress(OSError):  # there is none, or another node moves it; if the move fails, vectors are computed again
        if not (data / "vector_store").exists():
            (data / "embeddings" / "_store").rename(data / "vector_store")


def _describe(model: TextModel, vectors: TextVectors, posts_and_texts: DeduplicatedTexts) -> dict[str, Any]:
    """Return the metadata of the materialization: the model, the device and the counts."""
    computed = vectors.texts - vectors.reused
    return {
        **model.vector_cache_key(),
        "recipe_source": model.recipe.source,
        "dimensions": model.dimensions,
        "device": model.device.kind,
        "device_name": model.device.name,
        "device_count": model.device.count,
        "distinct_texts": vectors.texts,
        "reused_texts": vectors.reused,
        "computed_texts": computed,
        "truncated_share": round(vectors.truncated / max(1, computed), 6),
        "computed_tokens": vectors.tokens,
        "left_out": build_count_table(posts_and_texts.left_out, of="reason"),
    }
