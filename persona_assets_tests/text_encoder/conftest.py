"""Models that several tests share: those of the tests of `embeddings`."""

from persona_assets_tests.assets.embeddings.conftest import no_hub, tiny, tiny_folder

__all__ = ["no_hub", "tiny", "tiny_folder"]
