"""Pooling and prefix come from the model's own files."""

import pytest

from persona_assets.errors import ModelError
from persona_assets.text_encoder.pooling import read_recipe
from persona_assets_tests.assets.embeddings.builders import state

TRANSFORMER = {"path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}


@pytest.fixture
def pooled(tmp_path):
    """A function that states a pooling and reads the recipe."""

    def read(stated, **files):
        state(tmp_path, "modules.json", [TRANSFORMER, POOLING])
        state(tmp_path, "1_Pooling/config.json", stated)
        for file, content in files.items():
            state(tmp_path, f"{file}.json", content)
        return read_recipe(tmp_path, name="some/model")

    return read


@pytest.mark.parametrize(
    ("stated", "pooling"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["lasttoken"], "include_prompt": True}, "lasttoken"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_max_tokens": True}, "max"),
    ],
)
def test_pooling_is_read_in_both_ways_of_writing_it(pooled, stated, pooling):
    recipe = pooled(stated)

    assert recipe.pooling == pooling
    assert "1_Pooling/config.json" in recipe.source


@pytest.mark.parametrize(
    "stated",
    [
        {"pooling_mode": "weightedmean"},
        {"pooling_mode": ["mean", "cls"]},
        {"pooling_mode_mean_tokens": True, "pooling_mode_weightedmean_tokens": True},
        {},
        {"pooling_mode": "mean", "include_prompt": False},
    ],
)
def test_a_pooling_that_is_not_supported_is_an_error(pooled, stated):
    with pytest.raises(ModelError, match="some/model"):
        pooled(stated)


def test_a_layer_behind_the_pooling_is_an_error(tmp_path):
    dense = {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    state(tmp_path, "modules.json", [TRANSFORMER, POOLING, dense])

    with pytest.raises(ModelError, match="Dense"):
        read_recipe(tmp_path, name="some/model")


@pytest.mark.parametrize(
    ("stated", "prefix"),
    [
        ({"prompts": {"query": "q: ", "document": "d: "}, "default_prompt_name": "query"}, "q: "),
        ({"prompts": {"query": "q: ", "clustering": "c: "}, "default_prompt_name": None}, "c: "),
        ({"prompts": {"query": "q: ", "document": "d: "}, "default_prompt_name": None}, ""),
        ({}, ""),
    ],
)
def test_the_prefix_is_the_models_own_default_or_its_prompt_for_clustering(pooled, stated, prefix):
    assert pooled({"pooling_mode": "mean"}, config_sentence_transformers=stated).prefix == prefix


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("intfloat/multilingual-e5-large", "query: "),
        ("intfloat/e5-small-v2", "query: "),
        ("/models/multilingual-e5-base", "query: "),
        ("intfloat/multilingual-e5-large-instruct", ""),
        ("some/model", ""),
    ],
)
def test_e5_gets_its_prefix_by_name(tmp_path, name, prefix):
    recipe = read_recipe(tmp_path, name=name)

    assert recipe.prefix == prefix
    assert recipe.pooling == "mean"


def test_a_renamed_folder_is_known_by_the_name_in_its_config(tmp_path):
    state(tmp_path, "config.json", {"_name_or_path": "intfloat/e5-large"})

    assert read_recipe(tmp_path, name="/models/ours").prefix == "query: "


def test_the_authors_limit_and_their_lower_case_are_read(pooled):
    recipe = pooled({"pooling_mode": "mean"}, sentence_bert_config={"max_seq_length": 77, "do_lower_case": True})

    assert (recipe.max_tokens, recipe.lower_case) == (77, True)


def test_a_damaged_file_is_an_error(tmp_path):
    (tmp_path / "modules.json").write_text("[{", encoding="utf-8")

    with pytest.raises(ModelError, match="not JSON"):
        read_recipe(tmp_path, name="some/model")
