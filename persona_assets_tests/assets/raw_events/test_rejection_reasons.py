import subprocess
import sys

import pytest

from persona_assets.assets.raw_events.rejection_reasons import (
    describe_invalid_field,
    describe_invalid_json,
    has_only_brackets,
)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Object missing required field `did`", "no did"),
        ("Expected `int`, got `str` - at `$.time_us`", "time_us: Expected int, got str"),
        ("Expected `str` of length <= 512 - at `$.commit.rkey`", "commit.rkey: too long"),
        ("Expected `str` of length >= 1 - at `$.commit.rkey`", "commit.rkey: empty"),
        ("Invalid enum value 'a secret' - at `$.kind`", "kind: unknown value"),
    ],
)
def test_an_invalid_field_is_named_without_values_of_the_line(message, reason):
    assert describe_invalid_field(message) == reason


def test_an_invalid_field_of_a_record_is_named_with_its_full_path():
    assert describe_invalid_field("Object missing required field `uri` - at `$.subject`", below="commit.record") == (
        "no commit.record.subject.uri"
    )


def test_invalid_json_is_described():
    assert describe_invalid_json(b" ", "") == "empty line"
    assert describe_invalid_json(b'{"a":1} x', "trailing characters (byte 9)") == "more than one value on the line"


@pytest.mark.parametrize(
    ("raw", "is_lone"),
    [
        (rb'"\ud800"', True),
        (rb'"\udc00"', True),
        (rb'"\ud800\udc00"', False),
        (rb'"\\ud800"', False),
        (rb'"\\\ud800"', True),
        (rb'"\\\\ud800"', False),
    ],
)
def test_lone_surrogates_are_distinguished_from_escaped_backslashes(raw, is_lone):
    assert (describe_invalid_json(raw, "") == "lone surrogate") == is_lone


_BACKSLASHES = """
import resource
from persona_assets.assets.raw_events.rejection_reasons import describe_invalid_json
line = b'{"a":"' + bytes([92]) * (1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert describe_invalid_json(line, "Input data was truncated") == "truncated JSON"
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_line_of_backslashes_takes_little_memory():
    found = subprocess.run([sys.executable, "-c", _BACKSLASHES], check=True, capture_output=True, text=True)

    assert int(found.stdout) < 50_000  # kB


@pytest.mark.parametrize("raw", [b"[", b"]", b"],", b"[ ]", b","])
def test_lines_of_brackets_and_commas_are_recognised(raw):
    assert has_only_brackets(raw)


@pytest.mark.parametrize("raw", [b"", b"  ", b"[1]", b"[" * 100])
def test_other_lines_are_not_taken_for_brackets(raw):
    assert not has_only_brackets(raw)
