import json

from hypothesis import given
from hypothesis import strategies as st

from persona_assets.common.utc_times import DAY_US
from persona_assets.recording.day_notes import (
    add_gap_to_notes,
    add_recording_notes,
    build_gap_metadata,
    build_recording_note,
    format_day,
    read_gaps,
    read_recording_notes,
    split_by_day,
    subtract_range,
    write_gaps,
)
from persona_assets.recording.results import Filters, Gap

MIDNIGHT = 1_740_873_600_000_000  # 2025-03-02


def test_gaps_are_described_and_their_seconds_added():
    gaps = [Gap(MIDNIGHT, MIDNIGHT + 1_500_000, "lost"), Gap(MIDNIGHT + 9_000_000, MIDNIGHT + 10_000_000, "silent")]

    assert build_gap_metadata([]) == {"gaps": "none", "seconds_without_events": 0.0}
    assert build_gap_metadata(gaps)["seconds_without_events"] == 2.5
    assert build_gap_metadata(gaps)["gaps"].startswith("2025-03-02T00:00:00.000000Z, 2 s: lost; ")


def test_days_are_named_in_utc():
    assert format_day(MIDNIGHT - 1) == "2025-03-01"


def test_a_gap_is_written_into_each_day_that_it_touches(tmp_path):
    for _ in range(2):  # the same gap is noted once
        add_gap_to_notes(tmp_path, Gap(MIDNIGHT - 5_000_000, MIDNIGHT + 7_000_000, "why"))

    assert read_gaps(tmp_path / "2025-03-01") == [Gap(MIDNIGHT - 5_000_000, MIDNIGHT, "why")]
    assert read_gaps(tmp_path / "2025-03-02") == [Gap(MIDNIGHT, MIDNIGHT + 7_000_000, "why")]
    written = json.loads((tmp_path / "2025-03-02" / ".gaps.json").read_text(encoding="utf-8"))
    assert written["gaps"][0]["to"] == "2025-03-02T00:00:07.000000Z"


def test_without_gaps_there_is_no_file(tmp_path):
    write_gaps(tmp_path, [Gap(1, 2, "why")])
    write_gaps(tmp_path, [])

    assert read_gaps(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


RANGES = st.tuples(st.integers(0, 3 * DAY_US), st.integers(0, 3 * DAY_US)).map(sorted)


@given(RANGES)
def test_the_parts_of_a_gap_are_the_gap(limits):
    parts = list(split_by_day(Gap(*limits, "w")))

    assert sum(part.to_us - part.from_us for part in parts) == limits[1] - limits[0]
    assert all(part.from_us // DAY_US == (part.to_us - 1) // DAY_US for part in parts)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(sorted), max_size=5),
    RANGES.map(lambda r: (r[0] % 60, r[1] % 60)).map(sorted),
)
def test_what_a_range_fills_is_no_gap_and_all_else_is(gaps, covered):
    left = list(subtract_range([Gap(*gap, "w") for gap in gaps], *covered))

    expected = {at for gap in gaps for at in range(*gap)} - set(range(*covered))
    assert {at for gap in left for at in range(gap.from_us, gap.to_us)} == expected


def test_recordings_are_noted_once_and_ids_by_their_digest(tmp_path):
    note = build_recording_note("ws://h/subscribe", Filters(("b", "a"), ("did:plc:x",)), mode="live")
    add_recording_notes(tmp_path, [note])
    add_recording_notes(tmp_path, [note, note | {"mode": "replay"}])

    assert [noted["mode"] for noted in read_recording_notes(tmp_path)] == ["live", "replay"]
    assert note["collections"] == ["a", "b"]
    assert note["dids"]["count"] == 1
    assert "did:plc:x" not in json.dumps(note)
    assert build_recording_note("u", Filters(), mode="live")["dids"] == {"count": 0, "sha256": None}
