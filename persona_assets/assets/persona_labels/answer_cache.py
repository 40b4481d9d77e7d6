"""Answers of an endpoint, kept in a folder by the hash of what was asked, so that the same is not asked twice."""

import json
import uuid
from pathlib import Path

from persona_assets.assets.persona_labels.endpoint_answers import EndpointName, parse_name
from persona_assets.common.full_disk import explaining_full_disk


class AnswerCache:
    """On-disk cache of a language model's answers, one JSON file per request; several runs may share the folder."""

    def __init__(self, folder: Path) -> None:
        """Use `folder` as the cache, and create it if it is missing.

        Raises:
            StorageError: The disk is full.
        """
        self._folder = folder
        with explaining_full_disk(_describe(folder)):
            folder.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> EndpointName | None:
        """Return the cached answer to the request with hash `key`; None if it is missing or not valid."""
        try:
            content = (self._folder / f"{key}.json").read_bytes()
        except FileNotFoundError:
            return None
        return parse_name(content)

    def store(self, key: str, answer: EndpointName) -> None:
        """Write the answer to the request with hash `key` to the cache.

        Raises:
            StorageError: The disk is full; nothing is kept.
        """
        new = self._folder / f".{key}.{uuid.uuid4().hex}.new"
        try:
            with explaining_full_disk(_describe(self._folder)):
                new.write_text(json.dumps(answer._asdict(), indent=1) + "\n", encoding="utf-8")
                new.replace(self._folder / f"{key}.json")
        finally:
            new.unlink(missing_ok=True)


def _describe(folder: Path) -> str:
    return f"the answers kept in {folder}"
