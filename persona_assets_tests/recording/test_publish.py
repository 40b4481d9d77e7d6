from persona_assets.recording.day_notes import add_recording_notes, read_gaps, read_recording_notes, write_gaps
from persona_assets.recording.publish import publish_days
from persona_assets.recording.results import Gap

RANGE = {"start_us": 100, "end_us": 200}


def stage(root, files, gaps=(), mode="replay"):
    staging = root / ".replay-100-200"
    day = staging / "2025-03-01"
    day.mkdir(parents=True)
    for name, content in files.items():
        (day / name).write_bytes(content)
    write_gaps(day, gaps)
    add_recording_notes(day, [{"mode": mode}])
    return staging


def read_day(root):
    return {path.name: path.read_bytes() for path in sorted((root / "2025-03-01").glob("[!.]*"))}


def test_a_new_day_appears_whole(tmp_path):
    staging = stage(tmp_path, {"07.jsonl.zst": b"a"})

    assert publish_days(staging, tmp_path, **RANGE) == [tmp_path / "2025-03-01" / "07.jsonl.zst"]
    assert read_day(tmp_path) == {"07.jsonl.zst": b"a"}
    assert not staging.exists()


def test_the_same_range_replaces_the_day(tmp_path):
    for content in (b"a", b"b"):
        publish_days(stage(tmp_path, {"07.jsonl.zst": content}), tmp_path, **RANGE)

    assert read_day(tmp_path) == {"07.jsonl.zst": b"b"}
    assert [path.name for path in tmp_path.iterdir()] == ["2025-03-01"]


def test_what_was_recorded_otherwise_stays_and_its_gaps_are_filled(tmp_path):
    day = tmp_path / "2025-03-01"
    day.mkdir()
    (day / "07.jsonl.zst").write_bytes(b"live")
    write_gaps(day, [Gap(50, 150, "lost")])
    add_recording_notes(day, [{"mode": "live"}])

    added = publish_days(stage(tmp_path, {"07.jsonl.zst": b"a"}, [Gap(160, 170, "silent")]), tmp_path, **RANGE)

    assert added == [day / "07-2.jsonl.zst"]
    assert read_day(tmp_path) == {"07.jsonl.zst": b"live", "07-2.jsonl.zst": b"a"}
    assert read_gaps(day) == [Gap(50, 100, "lost"), Gap(160, 170, "silent")]
    assert [note["mode"] for note in read_recording_notes(day)] == ["live", "replay", "complete"]


def test_a_crash_between_two_renamings_is_made_good(tmp_path):
    publish_days(stage(tmp_path, {"07.jsonl.zst": b"a"}), tmp_path, **RANGE)
    staging = stage(tmp_path, {"07.jsonl.zst": b"b"})
    (tmp_path / "2025-03-01").rename(staging / ".2025-03-01.replaced")

    publish_days(staging, tmp_path, **RANGE)

    assert read_day(tmp_path) == {"07.jsonl.zst": b"b"}
