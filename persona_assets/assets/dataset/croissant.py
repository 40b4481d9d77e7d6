"""Describe a data set in the Croissant format (MLCommons, version 1.0), with its fields on responsible use.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from persona_assets.common.columns import read_description

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_DATA_TYPES = (
    (pat.is_boolean, "sc:Boolean"),
    (pat.is_integer, "sc:Integer"),
    (pat.is_floating, "sc:Float"),
    (pat.is_date, "sc:Date"),
    (pat.is_timestamp, "sc:Date"),
    (pat.is_string, "sc:Text"),
)


def render_croissant(
    forms: Mapping[str, pa.Schema], *, properties: Mapping[str, str], responsible_use: Mapping[str, str]
) -> bytes:
    """Render the Croissant metadata of a data set, the content of `croissant.json`.

    Args:
        forms: The schema of each form that has rows.
        properties: `name`, `description`, `license`, `citeAs`, `version` and `datePublished`, the day of the data.
        responsible_use: Texts by the name of a property of the RAI vocabulary, such as `dataCollection`.
    """
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [CONFORMS_TO, "http://mlcommons.org/croissant/RAI/1.0"],
        **properties,
        **{f"rai:{name}": text for name, text in responsible_use.items()},
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": f"{form}-files",
                "description": f"The Parquet files of the form {form}: a folder for each persona.",
                "encodingFormat": "application/x-parquet",
                "includes": f"data/{form}/*/*.parquet",
            }
            for form in forms
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": form,
                "description": f"The rows of the form {form}; the field `split` has each row's split.",
                "field": [_describe_field(form, field) for field in schema],
            }
            for form, schema in forms.items()
        ],
    }
    return json.dumps(described, indent=1, ensure_ascii=False).encode() + b"\n"


def _describe_field(form: str, field: pa.Field) -> dict[str, Any]:
    source = {"fileSet": {"@id": f"{form}-files"}, "extract": {"column": field.name}}
    described: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{form}/{field.name}",
        "description": read_description(field),
        "source": source,
    }
    kind = field.type
    if pat.is_list(kind):
        described["repeated"] = True
        kind = kind.value_type
    if pat.is_struct(kind):
        described["subField"] = _describe_parts(f"{form}/{field.name}", source, kind, "")
        return described
    return {**described, "dataType": _data_type(kind)}


def _describe_parts(name: str, source: dict[str, Any], kind: pa.StructType, path: str) -> list[dict[str, Any]]:
    """Return the fields of a struct; those of a struct in it follow with their own path."""
    parts: list[dict[str, Any]] = []
    for part in kind:
        where = f"{path}{part.name}"
        if pat.is_struct(part.type):
            parts += _describe_parts(name, source, part.type, f"{where}.")
            continue
        parts.append(
            {
                "@type": "cr:Field",
                "@id": f"{name}/{where}",
                "dataType": _data_type(part.type),
                "source": {**source, "transform": {"jsonPath": where}},
            }
        )
    return parts


def _data_type(kind: pa.DataType) -> str:
    return next(name for is_type, name in _DATA_TYPES if is_type(kind))
