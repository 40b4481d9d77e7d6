"""The description of a line names the keys that lines have."""

import json

import pytest

from persona_assets.assets.cluster_jsonl.line_schema import describe_line
from persona_assets_tests.assets.cluster_jsonl.builders import act, build, inputs, message, uri_of


def name_keys(value, place=""):
    """Return the keys of a line as `describe_line` names them; "actions" is one key."""
    if isinstance(value, list):
        return set().union(*(name_keys(item, f"{place}[].") for item in value))
    keys = set()
    for key, item in value.items():
        keys |= name_keys(item, f"{place}{key}") if isinstance(item, list) else {f"{place}{key}"}
    return keys


@pytest.mark.parametrize("line_format", ["arrays", "blueprint"])
def test_the_keys_of_lines_are_the_ones_described(tmp_path, line_format):
    rows = [message("bob", "p", 1), act("ann", "like", 2, on=uri_of("bob", "p"))]
    made = build(inputs(rows, {"ann": 0}), tmp_path, line_format=line_format)

    (line,) = [json.loads(bytes(line)) for _, line, _ in made.lines]

    assert name_keys(line) == {column.name for column in describe_line(line_format)}
