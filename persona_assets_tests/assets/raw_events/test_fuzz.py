"""Fuzz tests: each of thousands of mutated lines is an event or is rejected, and affects no other line.

Lines differ in each run, which prints its seed. To repeat its lines:
`FUZZ_SEED=<seed> pytest persona_assets_tests/assets/raw_events/test_fuzz.py`.
"""

import json
import os
import secrets
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persona_assets.assets.raw_events.fast_decode import BlockDecoder
from persona_assets.tables import RAW_LIMIT_BYTES
from persona_assets_tests.assets.raw_events.builders import (
    NOON_US,
    account,
    commit,
    delete,
    embed_record,
    embed_record_with_media,
    identity,
    like,
    line,
    post,
    read_lines_of,
)

REPLY = {"parent": {"cid": "c", "uri": "at://p"}, "root": {"cid": "c", "uri": "at://r"}}
FRAME = {
    "$type": "message",
    "payload": {
        "$type": "network.bsky.jetstream.subscribeEvents#commit",
        "seq": 7,
        "did": "did:plc:a",
        "time": "2025-03-01T12:00:00.123456Z",
        **like()["commit"],
    },
}
SEEDS = [
    post("hello wörld 😀", langs=["en"], reply=REPLY, embed=embed_record("at://q")),
    post("\\ud83d escaped", embed=embed_record_with_media("at://q")),
    like(),
    commit("app.bsky.graph.follow", {"subject": "did:plc:b"}),
    commit("app.bsky.actor.profile", {"description": None}, operation="update"),
    commit("app.bsky.actor.profile", {"labels": {"values": [{"val": "bot"}]}}, operation="update"),
    commit("community.lexicon.preference.ai", {"preferences": {"training": {"allow": False}}}),
    commit("com.example.thing", {"deep": [[[{"a": 1.5e300}]]]}),
    delete(),
    account(active=False, status="deleted"),
    identity(),
    FRAME,
]
ODD_VALUES = [None, True, 0, -1, 1e999, 10**400, "", "x", "\0", [], [[]], {}, {"uri": 5}, "9" * 70_000, NOON_US]
ODD_BYTES = [
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"{", b"}", b"[" * 3000, b'"', b"\\", b"\\ud800",
    b"\\u0000", b",", b"1e9999", b"NaN", b"null", b"<<<<<<<", b"\x1f\x8b\x08", b" " * 100,
]  # fmt: skip


def mutate_value(event, rng):
    """Replace, remove or add one value anywhere in an event."""
    event = json.loads(json.dumps(event))
    inside = event
    while True:
        names = list(inside)
        name = names[rng.integers(len(names))]
        if isinstance(inside[name], dict) and inside[name] and rng.random() < 0.7:
            inside = inside[name]
            continue
        match rng.integers(3):
            case 0:
                inside[name] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
            case 1:
                del inside[name]
            case _:
                inside[f"{name}2"] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
        return line(event)


def mutate_bytes(raw, rng):
    """Cut, repeat, overwrite or insert bytes."""
    for _ in range(rng.integers(1, 4)):
        first, last = sorted(rng.integers(0, len(raw) + 1, size=2))
        match rng.integers(4):
            case 0:
                raw = raw[:first]
            case 1:
                raw = raw[:last] + raw[first:]
            case 2:
                raw = raw[:first] + bytes([rng.integers(256)]) + raw[first + 1 :]
            case _:
                raw = raw[:first] + ODD_BYTES[rng.integers(len(ODD_BYTES))] + raw[first:]
    return raw


def reshape(raw, rng):
    """Write an event, or what is left of it, in a format of some recorder: an array, a wrapper, several on a line."""
    other = line(SEEDS[rng.integers(len(SEEDS))])
    forms = [b"%s%s", b"%s,%s", b"[%s, %s]", b"%s %s;", b"[%s,%s,", b'{"a": 1, "b": %s, "c": %s}']
    one = [b'{"event": %s}', b'{"a": {"b": {"c": %s}}}', b"%s,", b"[%s", b"\x1e%s", b"\xef\xbb\xbf%s"]
    if rng.random() < 0.5:
        return forms[rng.integers(len(forms))] % (raw, other)
    return one[rng.integers(len(one))] % raw


def mutated_lines(seed, count):
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        event = SEEDS[rng.integers(len(SEEDS))]
        raw = mutate_value(event, rng) if rng.random() < 0.5 else line(event)
        raw = reshape(raw, rng) if rng.random() < 0.2 else raw
        raw = mutate_bytes(raw, rng) if rng.random() < 0.7 else raw
        lines.append(raw.replace(b"\n", b" "))
    # A valid first line: a file that starts like a compressed one would be decompressed.
    return [line(like()), *lines]


def assert_nothing_is_lost(lines):
    with tempfile.TemporaryDirectory() as folder:
        found = read_lines_of(lines, Path(folder))

    counts = found.counts
    assert counts.lines == len(lines)
    assert len(found.events) + len(found.rejected) == counts.lines + counts.extra_values
    for row in found.rejected:
        raw = lines[row["line_number"] - 1]
        assert row["raw"] in raw
        assert len(row["raw"]) == min(row["raw_bytes"], RAW_LIMIT_BYTES)
    assert len({row["reason"] for row in found.rejected}) < 200
    return found


@pytest.fixture
def seed(capsys):
    """The random seed: a new one for each run, unless FUZZ_SEED is set."""
    seed = int(os.environ.get("FUZZ_SEED") or secrets.randbits(32))
    with capsys.disabled():
        sys.stderr.write(f"\nFUZZ_SEED={seed}\n")
    return seed


def test_20_000_mutated_lines_affect_no_other_event(seed, monkeypatch):
    """Fast and slow path also give the same bytes."""
    lines = mutated_lines(seed, 20_000)
    good = [line(post(f"good {number}", rkey=f"good{number}")) for number in range(0, len(lines), 10)]
    for number, raw in enumerate(good):
        lines.insert(number * 11, raw)

    fast = assert_nothing_is_lost(lines)
    monkeypatch.setattr(BlockDecoder, "decode", lambda _, body: [None] * (body.count(b"\n") + 1))
    slow = assert_nothing_is_lost(lines)

    assert sum((row["rkey"] or "").startswith("good") for row in fast.events) == len(good), f"FUZZ_SEED={seed}"
    assert fast.bytes == slow.bytes, f"FUZZ_SEED={seed}"


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_mutated_lines_are_events_or_rejected(seed):
    assert_nothing_is_lost(mutated_lines(seed, 400))


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32))
def test_200_000_mutated_lines_are_events_or_rejected(seed):
    assert_nothing_is_lost(mutated_lines(seed, 2000))
