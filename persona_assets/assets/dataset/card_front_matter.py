"""Write the YAML front matter of a data card: configs, features, sizes and gates, as the Hugging Face Hub reads them.

Source: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from persona_assets.assets.dataset.forms import SPLITS
from persona_assets.assets.dataset.write_shards import Shard

MAIN_FORM = "chat"
# Configs of single personas in other forms than `chat`: parsing 1,000 configs takes readers 2 s.
MAX_OTHER_CONFIGS = 1_000
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)


def name_config(form: str, persona: str) -> str:
    """Return the name of a config on the Hub: `persona_3` or `all` for `chat`, `threads_persona_3` for other forms."""
    return persona if form == MAIN_FORM else f"{form}_{persona}"


def render_front_matter(  # noqa: PLR0913 - each a part of the card
    shards: Sequence[Shard],
    forms: Mapping[str, pa.Schema],
    *,
    license_name: str,
    pretty_name: str,
    language: str,
    gate: str,
) -> str:
    """Render the YAML front matter of a data card: configs, features, sizes, license and access.

    `all` of each form has features and sizes. Personas have configs in `chat`, and in other forms as long as these are
    no more than `MAX_OTHER_CONFIGS`. A split without rows is not in a config, because loaders refuse empty patterns.

    Args:
        shards: All files.
        forms: The schema of each form, `chat` first if it is one.
        license_name: As the Hub spells it.
        pretty_name: Title of the data set.
        language: ISO 639.
        gate: What those who ask for access have to agree with.
    """
    personas = sorted({shard.persona for shard in shards}, key=lambda name: int(name.rpartition("_")[2]))
    main, *others = forms
    has_all = len(personas) * len(others) <= MAX_OTHER_CONFIGS
    lines = [
        "---",
        f"license: {license_name}",
        f"pretty_name: {_quote(pretty_name)}",
        f"language:\n- {language}",
        f"size_categories:\n- {_size(sum(shard.rows for shard in shards if shard.form == main))}",
        "task_categories:\n- text-generation",
        "tags:\n- social-media\n- personas\n- user-simulation",
        f"extra_gated_prompt: {_quote(gate)}",
        "extra_gated_fields:\n  Name: text\n  Affiliation: text\n  I agree to these terms: checkbox",
        "configs:",
    ]
    files = {(shard.form, shard.persona, shard.split) for shard in shards}
    for form in forms:
        of_form = [shard for shard in shards if shard.form == form]
        lines += _config(
            name_config(form, "all"), form, "*", {shard.split for shard in of_form}, is_default=form == MAIN_FORM
        )
        for persona in personas if form == main or has_all else ():
            splits = {split for split in SPLITS if (form, persona, split) in files}
            lines += _config(name_config(form, persona), form, persona, splits, is_default=False)
    lines.append("dataset_info:")
    for form, schema in forms.items():
        lines += _info(form, schema, [shard for shard in shards if shard.form == form])
    return "\n".join([*lines, "---"]) + "\n"


def _config(name: str, form: str, folder: str, splits: Iterable[str], *, is_default: bool) -> list[str]:
    if not splits:
        return []
    lines = [f"- config_name: {name}"]
    if is_default:
        lines.append("  default: true")
    lines.append("  data_files:")
    for split in (split for split in SPLITS if split in splits):
        lines += [f"  - split: {split}", f"    path: data/{form}/{folder}/{split}-*.parquet"]
    return lines


def _info(form: str, schema: pa.Schema, shards: Sequence[Shard]) -> list[str]:
    if not shards:
        return []
    lines = [f"- config_name: {name_config(form, 'all')}", "  features:"]
    for field in schema:
        lines += _feature(field, "  ")
    lines.append("  splits:")
    for split in SPLITS:
        of_split = [shard for shard in shards if shard.split == split]
        if of_split:
            lines += [
                f"  - name: {split}",
                f"    num_bytes: {sum(shard.uncompressed_bytes for shard in of_split)}",
                f"    num_examples: {sum(shard.rows for shard in of_split)}",
            ]
    lines.append(f"  download_size: {sum(shard.size_bytes for shard in shards)}")
    lines.append(f"  dataset_size: {sum(shard.uncompressed_bytes for shard in shards)}")
    return lines


def _feature(field: pa.Field, indent: str) -> list[str]:
    return [f"{indent}- name: {field.name}", *_type(field.type, f"{indent}  ")]


def _type(kind: pa.DataType, indent: str) -> list[str]:
    if pat.is_list(kind):
        if not pat.is_struct(kind.value_type):
            return [f"{indent}list: {_dtype(kind.value_type)}"]
        return [f"{indent}list:", *(line for part in kind.value_type for line in _feature(part, indent))]
    if pat.is_struct(kind):
        return [f"{indent}struct:", *(line for part in kind for line in _feature(part, indent))]
    return [f"{indent}dtype: {_dtype(kind)}"]


def _dtype(kind: pa.DataType) -> str:
    if pat.is_timestamp(kind):
        return f"timestamp[{kind.unit}, tz={kind.tz}]"
    names: dict[Any, str] = {pa.float32(): "float32", pa.float64(): "float64", pa.date32(): "date32"}
    return names.get(kind) or str(kind)


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "1B<n<10B")


def _quote(text: str) -> str:
    """Return a text as a YAML string: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)
