"""Models that several tests share, because loading one takes seconds."""

import pytest

from persona_assets_tests.assets.embeddings.builders import load, make_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A tiny model with mean pooling, in a folder."""
    return make_model(tmp_path_factory.mktemp("model") / "tiny", pooling={"pooling_mode": "mean"})


@pytest.fixture(scope="session")
def tiny(tiny_folder):
    """The model of `tiny_folder`, loaded."""
    return load(tiny_folder)


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """Keep tests off the model hub. The client reads the variable on import, so its constant is set as well."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import huggingface_hub.constants  # noqa: PLC0415 - 0.3 s, not for those who only collect tests

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
