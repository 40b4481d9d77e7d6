"""The asset `clusters`: its run config takes effect, and its metadata has numbers and no user ids."""

import datetime as dt
import functools
import types

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from persona_assets.assets.clusters import assets
from persona_assets.assets.clusters.assets import ClustersConfig, build_clusters, check_clusters
from persona_assets.assets.clusters.build import ClusteringOptions, cluster_users
from persona_assets.errors import MemoryLimitError, SettingsError
from persona_assets.partitions import daily_partitions, trailing_window
from persona_assets.post_vectors import user_vectors
from persona_assets_tests.assets.clusters.builders import dataset, embeddings_of, planted, users_of
from persona_assets_tests.checked import find_failed


@pytest.fixture
def materialize(tmp_path):
    """Return a function that materializes the asset for 65 users in three planted groups, with a run config."""
    return functools.partial(run_asset, types.SimpleNamespace(new_folder=lambda: tmp_path))


def run_asset(scratch, **config):
    vectors, _ = planted([30, 20, 15])
    users = [f"did:plc:{number:04d}" for number in range(len(vectors))]
    asset = build_clusters(daily_partitions(dt.date(2025, 3, 1)), trailing_window(7))
    context = dg.build_asset_context(partition_key="2025-03-02")
    posts = dataset(embeddings_of(list(zip(users, vectors, strict=True))))
    return asset(context, ClustersConfig(**config), scratch, embeddings=posts, english_users=dataset(users_of(users)))


def test_it_returns_clusters_with_side_tables_and_quality_measures(materialize):
    result = materialize(n_clusters=3)

    assert result.value.main.num_rows == 65
    assert result.value.side_tables["cluster_centres"]["users"].to_pylist() == [30, 20, 15]
    assert result.metadata["n_clusters"] == 3
    assert result.metadata["smallest_cluster"] == 15
    assert [row.data["users"] for row in result.metadata["sizes"].records] == [30, 20, 15]
    assert result.metadata["silhouette"] > 0.5
    assert result.metadata["stability"] > 0.9
    assert result.value.side_tables["cluster_certainty"].num_rows == 65
    assert set(result.metadata) >= {"dropped", "mean_similarity", "seconds", "peak_memory_mib"}
    assert "map" not in result.metadata  # the map is in the report
    assert "did:plc" not in str(result.metadata)


def test_a_window_with_too_many_users_for_the_limit_is_refused_before_a_vector_is_read(materialize, monkeypatch):
    monkeypatch.setattr(user_vectors, "BYTES_PER_USER", 100_000_000)
    monkeypatch.setattr(assets, "find_repeated_uris", None)  # cannot be called

    with pytest.raises(MemoryLimitError, match=r"6\.5 GB for the 65 users of the window, .* to 8\.7GB"):
        materialize(memory_limit="4GB")


def test_the_metadata_says_that_stability_is_not_measurable(materialize):
    result = materialize(n_clusters=40, min_cluster_size=1)

    assert result.metadata["stability"] == "not measurable: half of the users are fewer than the clusters"
    assert "silhouette" in result.metadata


def test_each_field_of_the_configuration_changes_the_result(materialize):
    def labels(**config):
        return materialize(**config).value.main["cluster_id"].to_numpy()

    usual = labels(n_clusters=6, min_cluster_size=1)
    assert usual.max() == 5
    assert labels(n_clusters=4, min_cluster_size=1).max() == 3
    assert labels(auto_cluster=True).max() == 2
    assert np.bincount(labels(n_clusters=6, min_cluster_size=10)).min() == 10
    assert labels(n_clusters=6, min_cluster_size=10, min_size_policy="dissolve").max() < 5
    assert not np.array_equal(usual, labels(n_clusters=6, min_cluster_size=1, seed=3))
    assert not np.array_equal(usual, labels(n_clusters=6, min_cluster_size=1, whiten_users=True))


def test_several_numbers_of_clusters_give_levels(materialize):
    levels = materialize(n_clusters=[5, 2]).value.side_tables["cluster_certainty"]["levels"].to_pylist()

    assert {len(path) for path in levels} == {2}


@pytest.mark.parametrize("wrong", [0, [], "many", [2, 0], True, 2.5, "", "2,", "2,0", "2;25"])
def test_an_invalid_number_of_clusters_is_an_error(wrong):
    with pytest.raises(ValidationError, match="n_clusters must be a number from 1"):
        ClustersConfig(n_clusters=wrong)


def test_the_metadata_has_the_curve_if_the_number_is_chosen(materialize):
    metadata = materialize(auto_cluster=True).metadata

    assert [row.data["clusters"] for row in metadata["tried"].records] == [2, 3, 4, 5, 6]
    assert metadata["curve"].value.startswith("![silhouette by number](data:image/png")


def test_the_default_is_the_setting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PERSONA_N_CLUSTERS", "7")

    assert ClustersConfig().n_clusters == [7]


@pytest.mark.parametrize(("given", "levels"), [("25,2,100", [2, 25, 100]), ("2, 25", [2, 25]), (" 3 ", [3])])
def test_the_environment_variable_takes_a_list(monkeypatch: pytest.MonkeyPatch, given, levels):
    monkeypatch.setenv("PERSONA_N_CLUSTERS", given)

    assert ClustersConfig().n_clusters == levels


@pytest.mark.parametrize("wrong", ["0", "2,0", "many", "2,,3", "-1"])
def test_a_setting_that_is_no_list_of_numbers_is_an_error(monkeypatch: pytest.MonkeyPatch, wrong):
    monkeypatch.setenv("PERSONA_N_CLUSTERS", wrong)

    with pytest.raises(SettingsError, match="PERSONA_N_CLUSTERS"):
        ClustersConfig()


@pytest.fixture
def clustering():
    """The clusters of 65 users in three planted groups."""
    vectors, _ = planted([30, 20, 15])
    users = [f"u{number:02d}" for number in range(len(vectors))]
    posts = dataset(embeddings_of(list(zip(users, vectors, strict=True))))
    return cluster_users(posts, dataset(users_of(users)), ClusteringOptions((3,), min_cluster_size=10, seed=0))


def test_valid_clusters_pass_all_checks(materialize):
    checks = materialize(n_clusters=3).check_results

    assert (len(checks), find_failed(checks)) == (3, {})


def test_a_user_in_two_clusters_or_in_none_fails_the_check(clustering):
    error = {"every_user_is_accounted_for": dg.AssetCheckSeverity.ERROR}
    twice = pa.concat_tables([clustering.clusters.slice(1), clustering.clusters.slice(1, 1)])

    assert find_failed(check_clusters(clustering, 66, 10)) == error
    assert find_failed(check_clusters(clustering._replace(clusters=twice), 65, 10)) == error


def test_a_cluster_below_the_minimum_size_fails_the_check(clustering):
    assert find_failed(check_clusters(clustering, 65, 16)) == {
        "no_cluster_is_under_the_minimum": dg.AssetCheckSeverity.ERROR
    }


def test_a_negative_mean_silhouette_is_a_warning(clustering):
    at = clustering.certainty.schema.get_field_index("silhouette")
    values = pa.array([-0.1] * 65, clustering.certainty.schema.field(at).type)
    worse = clustering._replace(certainty=clustering.certainty.set_column(at, "silhouette", values))

    assert find_failed(check_clusters(worse, 65, 10)) == {"silhouette_is_not_negative": dg.AssetCheckSeverity.WARN}


def test_a_single_cluster_has_no_silhouette_and_passes_the_checks(materialize):
    assert find_failed(materialize(n_clusters=1).check_results) == {}
