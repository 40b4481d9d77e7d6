"""Read from a model's folder how its token vectors become a text's vector, and what is put before a text."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from persona_assets.errors import ModelError

Pooling = Literal["mean", "cls", "max", "lasttoken"]

# sentence-transformers' two ways to write it: one key since its version 6, a flag for each mode before.
_MODES: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "max": "max", "lasttoken": "lasttoken"}
_FLAGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
_KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
# Which of a model's own prompts suits posts that are to be clustered, when it names no default.
_PROMPTS = ("clustering", "Clustering")
# Models whose files do not state the prefix that they were trained with. The e5 model cards say: "query: " for
# symmetric tasks such as clustering; the instruct models take an instruction instead.
_PREFIXES = ((re.compile(r"\be5-(small|base|large)(?!.*instruct)", re.IGNORECASE), "query: "),)


@dataclass(frozen=True)
class Recipe:
    """How a model makes a text's vector: pooling, text prefix, lower-casing, and maximum number of tokens."""

    pooling: Pooling
    prefix: str  # put before every text
    lower_case: bool  # the text is to be lower-cased first
    max_tokens: int | None  # most tokens the model's authors allow; None: the network's own limit
    source: str  # where pooling and prefix come from


def read_recipe(folder: Path, *, name: str) -> Recipe:
    """Read pooling, prefix and limits from the sentence-transformers files in `folder`, else from a table by name.

    A model without such files gets mean pooling, as sentence-transformers does for an encoder: token vectors
    of an encoder that was not tuned for sentences carry more in their mean than in the first one.

    Args:
        folder: The model's files.
        name: As the user gave it; with the name in `config.json` it finds models known to need a prefix.

    Raises:
        ModelError: The model pools in a way, or has a layer behind its pooling, that is not supported.
    """
    modules = cast("list[dict[str, str]]", _read(folder / "modules.json", []))
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    others = [kind for kind in kinds if kind not in _KNOWN_MODULES]
    if others:
        raise ModelError(
            f"model {name!r} has the layers {others} behind its transformer, which are not supported: choose one "
            "that consists of Transformer, Pooling and Normalize"
        )
    pooling, pooling_source = _read_pooling(folder, modules, kinds, name=name)
    prefix, prefix_source = _read_prefix(folder, name=name)
    bert = _read(folder / "sentence_bert_config.json", {})
    return Recipe(
        pooling=pooling,
        prefix=prefix,
        lower_case=bool(bert.get("do_lower_case", False)),
        max_tokens=bert.get("max_seq_length"),
        source=f"pooling: {pooling_source}; prefix: {prefix_source}",
    )


def _read_pooling(folder: Path, modules: list[dict[str, str]], kinds: list[str], *, name: str) -> tuple[Pooling, str]:
    if "Pooling" not in kinds:
        return "mean", "none stated, so mean"
    file = f"{modules[kinds.index('Pooling')]['path']}/config.json"
    stated = _read(folder / file, {})
    modes = stated.get("pooling_mode") or [key for key, value in stated.items() if value is True and key in _FLAGS]
    modes = [modes] if isinstance(modes, str) else list(modes)
    flags = [key for key, value in stated.items() if value is True and key.startswith("pooling_mode_")]
    if len(modes) != 1 or len(flags) > 1 or (known := _MODES.get(modes[0]) or _FLAGS.get(modes[0])) is None:
        raise ModelError(f"model {name!r}: {file} states pooling {modes or flags}; supported is one of {list(_MODES)}")
    if stated.get("include_prompt") is False:
        raise ModelError(f"model {name!r}: {file} leaves the prompt out of the pooling, which is not supported")
    return known, file


def _read_prefix(folder: Path, *, name: str) -> tuple[str, str]:
    file = "config_sentence_transformers.json"
    stated = _read(folder / file, {})
    prompts = stated.get("prompts") or {}
    for prompt in (stated.get("default_prompt_name"), *_PROMPTS):
        if prompt in prompts:
            return prompts[prompt], f"prompt {prompt!r} of {file}"
    names = f"{name} {_read(folder / 'config.json', {}).get('_name_or_path', '')}"
    for pattern, prefix in _PREFIXES:
        if pattern.search(names):
            return prefix, "known for models of this name"
    return "", "none stated, so none"


def _read(file: Path, absent: Any) -> Any:
    if not file.exists():
        return absent
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{file} is not JSON: get the model again") from error
