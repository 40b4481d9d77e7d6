"""The model of the audit is that of the settings; it is loaded when texts are there, and knows who refuses."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from persona_assets.assets.dataset.vector_model import describe_vector_model
from persona_assets.errors import ModelError
from persona_assets_tests.assets.embeddings.builders import DIMENSIONS, make_model

HOW = {"device": "cpu", "compute_dtype": "float32", "max_tokens": 32}


def test_texts_are_encoded_by_the_model_of_the_settings_whose_folder_is_not_shown(tmp_path):
    model = describe_vector_model(str(make_model(tmp_path / "tiny")), **HOW, consents=None)

    vectors = model.embed(["the cat", "a dog"])

    assert vectors.shape == (2, DIMENSIONS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert (model.name, model.refusing) == ("local folder", frozenset())


def test_a_model_is_not_loaded_before_there_are_texts():
    model = describe_vector_model("./no/such/model", **HOW, consents=None)

    assert model.name == "./no/such/model"
    with pytest.raises(ModelError, match="no such folder"):
        model.embed(["a"])


def test_accounts_that_refuse_embedding_are_known():
    consents = pa.table({"user_id": ["a", "b", "c"], "embedding_allow": pa.array([True, False, None])})

    assert describe_vector_model("m", **HOW, consents=pads.dataset(consents)).refusing == {"b"}
