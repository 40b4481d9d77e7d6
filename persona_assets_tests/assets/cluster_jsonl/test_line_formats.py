"""Every format in the table is offered by the setting, written, described and parsed."""

import json
from typing import get_args

import pytest

from persona_assets.assets.cluster_jsonl.line_formats import LINE_FORMATS, LineFormat
from persona_assets.assets.cluster_jsonl.line_schema import describe_line
from persona_assets.assets.cluster_stats.inspect_lines import inspect_lines
from persona_assets.common.columns import ColumnDescription
from persona_assets.settings import ClusterFormat
from persona_assets_tests.assets.cluster_jsonl.builders import build, inputs, lines_of, message


def test_the_setting_offers_each_format():
    assert get_args(ClusterFormat) == tuple(LINE_FORMATS)


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_a_line_of_each_format_is_json_with_one_newline_at_its_end(name):
    form = LINE_FORMATS[name]
    line = f'{"7".join(form.opens)}{{"{form.time.name}":1{"7".join(form.closes)}'

    parsed = json.loads(line)

    messages = parsed if form.messages == "[]" else parsed[form.messages.removesuffix("[]")]
    assert messages == [{form.time.name: 1}]
    assert line.count("\n") == 1
    assert line.endswith("\n")


def test_a_format_that_is_added_to_the_table_is_written_and_described(tmp_path, monkeypatch):
    chat = LineFormat(
        opens=('{"first":', ',"messages":['),
        closes=('}],"cluster":', ',"again":', "}\n"),
        time=ColumnDescription("at", "time in microseconds (UTC)", "When it was said.", nullable=False),
        is_time_relative=False,
        messages="messages[]",
        around=(ColumnDescription("cluster", "whole number", "The cluster of the file.", nullable=False),),
    )
    monkeypatch.setitem(LINE_FORMATS, "chat", chat)  # type: ignore[arg-type]
    rows = [message("ann", "a", 5, "one"), message("bob", "b", 9, "two")]

    found = lines_of(build(inputs(rows, {"ann": 0, "bob": 3}), tmp_path, line_format="chat"))

    assert inspect_lines([json.dumps(line).encode() for line in found[3]], {"bob"}) == (1, 0, 0)
    assert found[3] == [
        {"first": 3, "messages": [{"user_id": "bob", "text": "two", "at": 9}], "cluster": 3, "again": 3}
    ]
    assert [column.name for column in describe_line("chat")] == [
        "messages[].user_id",
        "messages[].text",
        "messages[].at",
        "messages[].actions",
        "cluster",
    ]


@pytest.mark.parametrize("name", LINE_FORMATS)
def test_lines_of_every_format_can_be_parsed(name, tmp_path):
    rows = [message("ann", "a", 5, "one"), message("ann", "b", 9, "two")]

    made = build(inputs(rows, {"ann": 0}), tmp_path, line_format=name)
    lines = b"".join(bytes(some) for _, some, _ in made.lines)

    assert inspect_lines(lines.splitlines(), {"ann"}) == (2, 0, 0)
    assert inspect_lines(lines.splitlines(), {"bob"}) == (2, 0, 2)
