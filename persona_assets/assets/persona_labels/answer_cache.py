"""Answers of an endpoint, kept in a folder by the hash of what was asked, so that the same is not asked twice."""

import json
import uuid
from pathlib import Path

from persona_assets.assets.persona_labels.endpoint_answers import EndpointName, parse_name
from persona_assets.common.full_disk import explaining_full_disk


class AnswerCache:
    """A folder of one JSON file an answer. Files are written beside and renamed, so runs may share the folder."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it.

        Raises:
            StorageError: The disk is full.
        """
        self._folder = folder
        with explaining_full_disk(_describe(folder)):
            folder.mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> EndpointName | None:
        """Return the answer that is kept; None if there is none, or if the file holds none that may be used."""
        try:
            content = (self._folder / f"{key}.json").read_bytes()
        except FileNotFoundError:
            return None
        return parse_name(content)

    def store(self, key: str, answer: EndpointName) -> None:
        """Keep an answer.

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
