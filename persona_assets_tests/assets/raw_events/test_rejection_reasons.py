import subprocess
import sys

import pytest

from persona_assets.assets.raw_events.rejection_reasons import is_bracket, name_damage, name_misfit


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
def test_a_misfit_names_the_field_and_nothing_of_the_line(message, reason):
    assert name_misfit(message) == reason


def test_a_misfit_below_a_record_says_where():
    assert name_misfit("Object missing required field `uri` - at `$.subject`", below="commit.record") == (
        "no commit.record.subject.uri"
    )


def test_damage_is_named():
    assert name_damage(b" ", "") == "empty line"
    assert name_damage(b'{"a":1} x', "trailing characters (byte 9)") == "more than one value on the line"


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
def test_lone_surrogates_are_told_from_escaped_backslashes(raw, is_lone):
    assert (name_damage(raw, "") == "lone surrogate") == is_lone


_BACKSLASHES = """
import resource
from persona_assets.assets.raw_events.rejection_reasons import name_damage
line = b'{"a":"' + bytes([92]) * (1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert name_damage(line, "Input data was truncated") == "truncated JSON"
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_line_of_backslashes_takes_little_memory():
    found = subprocess.run([sys.executable, "-c", _BACKSLASHES], check=True, capture_output=True, text=True)

    assert int(found.stdout) < 50_000  # kB


@pytest.mark.parametrize("raw", [b"[", b"]", b"],", b"[ ]", b","])
def test_brackets_and_commas_are_told(raw):
    assert is_bracket(raw)


@pytest.mark.parametrize("raw", [b"", b"  ", b"[1]", b"[" * 100])
def test_all_else_is_no_bracket(raw):
    assert not is_bracket(raw)
