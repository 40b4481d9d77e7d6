"""The asset `embeddings`: its run config takes effect, and its metadata describes the model and the work."""

import datetime as dt
import json
import os
import tempfile
import time

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from filelock import FileLock

from persona_assets import tables
from persona_assets.assets.embeddings.assets import EmbeddingsConfig, build_embeddings
from persona_assets.assets.embeddings.embed import join_vectors_to_posts
from persona_assets.assets.embeddings.vector_cache import VectorCache, hash_texts
from persona_assets.common.scratch import Scratch
from persona_assets.definitions import build_definitions
from persona_assets.errors import DeviceError, ModelError
from persona_assets.partitions import daily_partitions
from persona_assets.settings import read_settings
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, posts_of
from persona_assets_tests.checked import find_failed
from persona_assets_tests.consent.builders import consents

TEXTS = ["the cat sat on the mat and then it ran on", "a dog ran", "a dog ran"]


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """PERSONA_DATA: a new folder for each test, which has the vector store too."""
    monkeypatch.setenv("PERSONA_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def run_asset(texts=TEXTS, /, *, in_graph=False, **config):
    asset = build_embeddings(daily_partitions(dt.date(2025, 3, 1)), consents=in_graph)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_asset_context(partition_key="2025-03-02", instance=instance) as context,
        dg.build_resources({"scratch": Scratch()}, instance=instance) as run,
    ):
        result = asset(context, EmbeddingsConfig(**config), scratch=run.scratch, english_posts=posts_of(texts))
        return pq.read_table(result.value), result.metadata, result.check_results


def materialize(**config):
    table, metadata, _ = run_asset(**config)
    return table, metadata


def test_vectors_of_all_posts_pass_the_checks(tiny_folder):
    _, _, checks = run_asset(model=str(tiny_folder), device="cpu")

    assert (len(checks), find_failed(checks)) == (2, {})


def test_a_post_without_a_vector_fails_the_check(tiny_folder, monkeypatch):
    def lose_one_post(*given, **how):
        result = join_vectors_to_posts(*given, **how)
        return result._replace(posts=result.posts - 1)

    monkeypatch.setattr("persona_assets.assets.embeddings.assets.join_vectors_to_posts", lose_one_post)

    _, _, checks = run_asset(model=str(tiny_folder), device="cpu")

    assert find_failed(checks) == {"every_post_is_accounted_for": dg.AssetCheckSeverity.ERROR}


def test_a_vector_that_is_not_of_unit_length_fails_the_check(tiny_folder, data):
    run_asset(model=str(tiny_folder), device="cpu")
    (key,) = data.glob("vector_store/*/key.json")
    for chunk in key.parent.glob("*.*s"):
        chunk.unlink()
    full_key = json.loads(key.read_text(encoding="utf-8"))
    store = VectorCache(
        key.parents[1],
        key={name: full_key[name] for name in full_key if name not in ("dtype", "dimensions", "layout")},
        dimensions=DIMENSIONS,
        dtype="float16",
    )
    store.add(hash_texts(sorted(set(TEXTS))), np.ones((2, DIMENSIONS), np.float16))

    _, metadata, checks = run_asset(model=str(tiny_folder), device="cpu")

    assert metadata["reused_texts"] == 2
    assert find_failed(checks) == {"vectors_are_finite_and_of_unit_length": dg.AssetCheckSeverity.ERROR}


def test_a_damaged_vector_store_is_an_error_without_retries_that_names_the_file(tiny_folder, data):
    run_asset(model=str(tiny_folder), device="cpu")
    (kept,) = data.glob("vector_store/*/*.vectors")
    kept.write_bytes((np.frombuffer(kept.read_bytes(), np.float16) * np.float16(1.5)).tobytes())

    with pytest.raises(dg.Failure, match=f"{kept} is damaged.*: delete") as failure:
        run_asset(model=str(tiny_folder), device="cpu")

    assert failure.value.allow_retries is False


@pytest.mark.parametrize("full", ["PERSONA_VECTOR_STORE", "TMPDIR"])
def test_a_full_disk_of_the_vector_store_or_of_scratch_is_an_error_without_retries(
    full, tiny_folder, small_disk, monkeypatch
):
    if full == "TMPDIR":
        monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    store = str(small_disk / "store") if full == "PERSONA_VECTOR_STORE" else None
    texts = [f"the cat sat on the mat {number}" for number in range(3000)]

    with pytest.raises(dg.Failure, match=f"no space left while writing {small_disk}.*{full}") as failure:
        run_asset(texts, model=str(tiny_folder), device="cpu", vector_store=store)

    assert failure.value.allow_retries is False
    assert {file.name for file in small_disk.rglob("*") if file.is_file()} <= {"gpu.lock", "key.json"}


def test_it_returns_vectors_and_metadata_of_the_model(tiny_folder):
    table, metadata = materialize(model=str(tiny_folder), device="cpu", compute_dtype="float32")

    assert table.schema.equals(tables.add_day_field(tables.embeddings_schema(DIMENSIONS)))
    assert table.num_rows == 3
    assert metadata["distinct_texts"] == 2
    assert metadata["pooling"] == "mean"
    assert metadata["device"] == "cpu"
    assert metadata["device_name"]
    assert metadata["truncated_share"] == 0
    assert (metadata["reused_texts"], metadata["computed_texts"]) == (0, 2)
    assert set(metadata) >= {"model", "model_revision", "prefix", "computed_tokens", "seconds", "peak_memory_mib"}
    assert "did:plc" not in str(metadata)
    assert TEXTS[0] not in str(metadata)


def test_each_field_of_the_configuration_changes_the_result(tiny_folder):
    usual = {"model": str(tiny_folder), "device": "cpu", "compute_dtype": "float32"}

    assert materialize(**usual, max_tokens=8)[1]["truncated_share"] == 0.5
    assert materialize(**usual, vector_dtype="float32")[0].schema.field("vector").type.value_type == pa.float32()
    assert materialize(**{**usual, "compute_dtype": "bfloat16"})[1]["compute_dtype"] == "bfloat16"
    assert materialize(**usual, memory_limit="100MB")[0].num_rows == 3


def test_a_model_is_compiled_on_request(tiny_folder, monkeypatch):
    compiled = []
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda network, **how: compiled.append((type(network).__name__, how))
    )

    materialize(model=str(tiny_folder), device="cpu", compute_dtype="float32")
    assert compiled == []
    materialize(model=str(tiny_folder), device="cpu", compute_dtype="float32", compile_model=True)
    assert compiled == [("BertModel", {"dynamic": True})]


def test_the_vector_store_is_below_the_data_unless_the_setting_names_another_folder_or_off(tiny_folder, data, tmp_path):
    usual = {"model": str(tiny_folder), "device": "cpu", "compute_dtype": "float32"}

    assert materialize(**usual, vector_store="off")[1]["reused_texts"] == 0
    assert not data.exists()
    assert materialize(**usual, vector_store=str(tmp_path / "elsewhere"))[1]["reused_texts"] == 0
    first, _ = materialize(**usual)
    again, metadata = materialize(**usual)

    assert metadata["reused_texts"] == 2
    assert again.equals(first)
    assert len(list(data.glob("vector_store/*/*.vectors"))) == 1


@pytest.mark.parametrize("has_new_store", [False, True])
def test_the_vector_store_of_version_0_1_is_moved_unless_there_is_a_new_one(tiny_folder, data, has_new_store):
    usual = {"model": str(tiny_folder), "device": "cpu", "compute_dtype": "float32"}
    materialize(**usual)
    (data / "embeddings").mkdir(exist_ok=True)
    (data / "vector_store").rename(data / "embeddings" / "_store")
    if has_new_store:
        (data / "vector_store").mkdir()

    assert materialize(**usual)[1]["reused_texts"] == (0 if has_new_store else 2)
    assert (data / "embeddings" / "_store").exists() == has_new_store


def test_vectors_not_used_for_too_long_are_deleted(tiny_folder, data):
    usual = {"model": str(tiny_folder), "device": "cpu", "compute_dtype": "float32"}
    materialize(**usual)

    for days, reused in ((4, 2), (2, 0)):
        for file in data.glob("vector_store/*/*.hashes"):
            os.utime(file, (time.time() - 3 * 86_400,) * 2)
        assert materialize(**usual, vector_store_days=days)[1]["reused_texts"] == reused


def test_vectors_that_are_used_are_not_deleted(tiny_folder, data):
    usual = {"model": str(tiny_folder), "device": "cpu", "compute_dtype": "float32"}
    materialize(**usual)
    for file in data.glob("vector_store/*/*.*s"):
        os.utime(file, (time.time() - 3 * 86_400,) * 2)

    assert materialize(**usual, vector_store_days=4)[1]["reused_texts"] == 2
    assert materialize(**usual, vector_store_days=2)[1]["reused_texts"] == 2


def test_data_on_remote_storage_has_no_vector_store(tiny_folder, monkeypatch, data):
    monkeypatch.setenv("PERSONA_DATA", "s3://bucket/personas")

    materialize(model=str(tiny_folder), device="cpu", compute_dtype="float32")

    assert not data.exists()


def test_a_missing_model_or_device_is_an_error_without_retries(tiny_folder, monkeypatch):
    with pytest.raises(dg.Failure) as failure:
        materialize(model="/no/such/folder")
    assert isinstance(failure.value.__cause__, ModelError)
    assert failure.value.allow_retries is False

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(dg.Failure, match="PERSONA_DEVICE") as failure:
        materialize(model=str(tiny_folder), device="cuda")
    assert isinstance(failure.value.__cause__, DeviceError)


def test_it_has_the_gpu_tag_that_executors_read():
    asset = build_embeddings(daily_partitions(dt.date(2025, 3, 1)))

    assert asset.op.tags == {"gpu": "1"}


@pytest.mark.parametrize(
    ("executor", "pool"), [("in_process", None), ("multiprocess", None), ("slurm", "gpu"), ("k8s", "gpu")]
)
def test_it_has_a_pool_and_a_retry_policy_only_with_a_scheduler(executor, pool):
    definitions = build_definitions(read_settings({"PERSONA_EXECUTOR": executor}))

    assert definitions.get_assets_def("embeddings").op.pool == pool
    # A retry policy would start a step again that a person ended. Only a scheduler ends a step to move it elsewhere.
    assert (definitions.get_assets_def("embeddings").op.retry_policy is None) == (pool is None)


def test_a_gpu_error_requests_a_retry(tiny_folder, monkeypatch):
    def fail(*_given, **_how):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr("persona_assets.assets.embeddings.assets.embed_texts", fail)

    with pytest.raises(dg.RetryRequested) as requested:
        run_asset(model=str(tiny_folder), device="cpu")

    assert (requested.value.max_retries, requested.value.seconds_to_wait) == (2, 30)


def test_the_lock_file_is_in_the_folder_of_the_setting(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONA_LOCK_DIR", str(tmp_path / "locks"))

    run_asset(model=str(tiny_folder), device="cpu")

    assert [file.name for file in (tmp_path / "locks").iterdir()] == ["gpu.lock"]


def test_the_device_is_free_for_the_next_step_while_posts_are_written(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PERSONA_LOCK_DIR", str(tmp_path))
    free = []

    def take_turn(*given, **how):
        with FileLock(tmp_path / "gpu.lock", timeout=0):
            free.append(True)
        return join_vectors_to_posts(*given, **how)

    monkeypatch.setattr("persona_assets.assets.embeddings.assets.join_vectors_to_posts", take_turn)

    run_asset(model=str(tiny_folder), device="cpu")

    assert free == [True]


def test_a_lock_folder_that_cannot_be_created_is_an_error_without_retries(tiny_folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PERSONA_LOCK_DIR", str(tmp_path / "file"))

    with pytest.raises(dg.Failure, match="set PERSONA_LOCK_DIR to a folder") as failure:
        run_asset(model=str(tiny_folder), device="cpu")

    assert failure.value.allow_retries is False


def test_the_defaults_are_the_settings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PERSONA_MODEL", "intfloat/multilingual-e5-large")
    monkeypatch.setenv("PERSONA_MAX_TOKENS", "256")

    config = EmbeddingsConfig()

    assert (config.model, config.max_tokens) == ("intfloat/multilingual-e5-large", 256)


def store_consents(data, **rows):
    """Store the table `consents`: what each user says."""
    data.mkdir(parents=True, exist_ok=True)
    table = consents([{"user_id": user, **said} for user, said in rows.items()])
    pq.write_table(table, data / "consents.parquet")


def test_posts_of_accounts_that_refuse_are_neither_embedded_nor_kept_and_are_counted(tiny_folder, data):
    store_consents(data, **{"did:plc:0": {"embedding_allow": False}})

    table, metadata, checks = run_asset(model=str(tiny_folder), device="cpu", in_graph=True)

    assert table["user_id"].to_pylist() == ["did:plc:1", "did:plc:2"]
    assert [record.data for record in metadata["left_out"].records] == [{"reason": "refuses embedding", "count": 1}]
    assert find_failed(checks) == {}
    kept = b"".join(file.read_bytes() for file in data.glob("vector_store/*/*.hashes"))
    assert hash_texts([TEXTS[0]]).tobytes() not in kept
    assert hash_texts([TEXTS[1]]).tobytes() in kept


def test_a_vector_that_was_kept_before_the_refusal_is_used_for_no_post_of_the_account(tiny_folder, data):
    run_asset(model=str(tiny_folder), device="cpu")
    store_consents(data, **{"did:plc:0": {"embedding_allow": False}})

    table, metadata, _ = run_asset(model=str(tiny_folder), device="cpu", in_graph=True)

    assert metadata["reused_texts"] == metadata["distinct_texts"] == 1
    assert "did:plc:0" not in table["user_id"].to_pylist()


def test_silence_counts_as_the_run_config_says_and_a_day_may_be_left_without_posts(tiny_folder, data):
    store_consents(data)

    table, metadata, checks = run_asset(model=str(tiny_folder), device="cpu", consent_embedding="deny", in_graph=True)

    assert table.num_rows == 0
    assert [record.data["count"] for record in metadata["left_out"].records] == [3]
    assert find_failed(checks) == {}


def test_a_graph_with_consents_that_were_never_made_is_an_error_without_retries_that_names_the_remedy(tiny_folder):
    with pytest.raises(dg.Failure, match="consents has not been materialized.*dg launch --assets consents") as failure:
        run_asset(model=str(tiny_folder), device="cpu", in_graph=True)

    assert failure.value.allow_retries is False
