"""The files of a sample capture match its manifest."""

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from persona_assets.sample.write import write_capture

SMALL = {"days": 2, "start_date": dt.date(2025, 2, 28), "users": 40, "personas": 3, "seed": 9}


def write_small(folder, **other):
    return write_capture(folder / "capture", **{**SMALL, **other})


def read_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read_lines(folder):
    for path in sorted(Path(folder).rglob("bluesky-2-*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from content.removesuffix(b"\n").split(b"\n")


def as_event(line):
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event["kind"] in event else None


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"

    assert write_small(one) == write_small(other)
    assert read_files(one) == read_files(other)


def test_another_seed_gives_another_capture(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write_small(one)
    write_small(other, seed=10)

    assert read_files(one).keys() != read_files(other).keys()


def test_the_manifest_has_the_counts_of_the_files(tmp_path):
    manifest = write_small(tmp_path)

    lines = list(read_lines(tmp_path / "capture"))
    events = [line for line in lines if as_event(line) is not None]
    assert manifest.lines == len(lines)
    assert manifest.events == len(set(events)) == sum(manifest.kinds.values())
    assert manifest.duplicates == len(events) - len(set(events)) > 0
    assert sum(manifest.malformed.values()) == len(lines) - len(events)
    assert json.loads((tmp_path / "capture.manifest.json").read_text())["kinds"] == manifest.kinds
    found = Counter(as_event(line)["kind"] for line in set(events))
    assert found["account"] == manifest.kinds["account"]
    assert found["identity"] == manifest.kinds["identity"]
    assert sum(manifest.messages.values()) == manifest.kinds["app.bsky.feed.post create"]


def test_events_are_in_the_folder_of_their_day(tmp_path):
    write_small(tmp_path)

    for day in (dt.date(2025, 2, 28), dt.date(2025, 3, 1)):
        events = list(filter(None, map(as_event, read_lines(tmp_path / f"capture/bluesky-{day:%Y-%m}/{day:%d}"))))
        assert events
        assert all(dt.datetime.fromtimestamp(event["time_us"] / 1e6, dt.UTC).date() == day for event in events)


def test_the_truth_has_every_user_once(tmp_path):
    write_small(tmp_path)

    truth = [json.loads(line) for line in (tmp_path / "capture.truth.jsonl").read_text().splitlines()]
    names = [person["user_id"] for person in truth]
    assert names == sorted(set(names))
    assert len(names) == SMALL["users"]
    assert {person["persona"] for person in truth} == {"gardening", "astronomy", "football", None}
    assert {event["did"] for event in map(as_event, read_lines(tmp_path / "capture")) if event} <= set(names)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"personas": 0}, {"personas": 99}, {"users": 5}, {"seed": -1}], ids=str)
def test_an_argument_out_of_range_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*ask for"):
        write_small(tmp_path, **wrong)

    assert not list(tmp_path.iterdir())


def test_planted_accounts_are_added_and_change_no_other_line(tmp_path):
    without = write_small(tmp_path / "without")
    manifest = write_small(tmp_path / "with", consent=True)

    added = Counter(read_lines(tmp_path / "with" / "capture"))
    added.subtract(read_lines(tmp_path / "without" / "capture"))
    assert set(added.values()) == {0, 1}
    authors = {as_event(line)["did"] for line, count in added.items() if count}
    assert authors == {account.user_id for account in manifest.planted}
    assert manifest.lines - without.lines == manifest.events - without.events == sum(added.values())
    assert without.planted == ()
    assert "planted" not in (tmp_path / "without" / "capture.manifest.json").read_text()
