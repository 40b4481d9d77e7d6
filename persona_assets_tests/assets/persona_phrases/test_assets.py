"""The asset `persona_phrases`: a table of the day, and checks that fail."""

import datetime as dt

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from persona_assets import tables
from persona_assets.assets.persona_phrases.assets import build_persona_phrases
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager, WithSideTables
from persona_assets.io_managers.persona_files import ClusterFolder
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets_tests.assets.cluster_stats.builders import TALK, accounting_of, by_hour_of, posts_of, window
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, load, make_model
from persona_assets_tests.checked import find_failed

DAY = "2025-03-01"
DAYS = daily_partitions(dt.date(2025, 3, 1))


class Folder(ClusterFolder):
    """Stands for what `cluster_jsonl` wrote."""

    def read_table(self, name):
        return {"accounting": accounting_of((0, "post", "written", 9)), "actions_by_hour": by_hour_of()}[name]


class FolderIOManager(dg.IOManager):
    def handle_output(self, context, obj):
        """Keep nothing."""

    def load_input(self, context):
        del context
        return Folder(UPath("/"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def find(tmp_path, model, monkeypatch):
    """Materialize the day; return the result and what is stored."""
    monkeypatch.setenv("PERSONA_MODEL", str(model))
    monkeypatch.setenv("PERSONA_DEVICE", "cpu")

    def run(*, texts=None, made_by=None):
        posts, _, members = window()
        if texts:
            posts = posts_of(
                posts["uri"].to_pylist(), posts["user_id"].to_pylist(), [texts(n) for n in range(len(posts))]
            )

        @dg.asset(partitions_def=DAYS)
        def clusters():
            rng = np.random.default_rng(0)
            vectors = rng.normal(size=(len(TALK), DIMENSIONS)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            schema = tables.add_vector_model(tables.centres_schema(DIMENSIONS), made_by or load(model).vector_space())
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), type=schema.field("centre").type)
            side_tables = {
                "cluster_centres": pa.table([pa.array(range(3), pa.int32()), [8, 7, 6], column], schema=schema)
            }
            return WithSideTables(members, side_tables)

        @dg.asset(partitions_def=DAYS)
        def english_posts():
            return posts

        @dg.asset(partitions_def=DAYS, io_manager_key="folders")
        def cluster_jsonl():
            return None

        resources = {
            "io_manager": ParquetIOManager(base=str(tmp_path)), "scratch": Scratch(), "folders": FolderIOManager()
        }  # fmt: skip
        asset = build_persona_phrases(DAYS, trailing_window(1))
        result = dg.materialize([clusters, english_posts, cluster_jsonl, asset], partition_key=DAY, resources=resources)
        return result, pq.read_table(tmp_path / "persona_phrases" / f"{DAY}.parquet")

    return run


def test_each_persona_has_phrases_of_its_own(find):
    result, stored = find()

    for phrases, words in zip(stored["phrases"].to_pylist(), TALK.values(), strict=True):
        assert {word for phrase in phrases for word in phrase.split()} <= set(words.split())
        assert phrases
    assert set(find_failed(result.get_asset_check_evaluations())) == set()
    (event,) = result.asset_materializations_for_node("persona_phrases")
    assert event.metadata["personas_with_phrases"].value == 3


def test_phrases_by_another_model_than_the_posts_are_a_warning(find):
    result, _ = find(made_by="revision 0")

    assert set(find_failed(result.get_asset_check_evaluations())) == {"phrases_and_centres_are_of_one_model"}


def test_personas_without_common_words_are_a_warning(find):
    result, stored = find(texts=lambda number: f"word{number:x}")

    assert stored["name"].to_pylist() == ["no common words"] * 3
    assert set(find_failed(result.get_asset_check_evaluations())) == {"most_clusters_have_phrases"}
