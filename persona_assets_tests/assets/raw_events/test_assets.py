import gzip
import os
from collections import Counter

import dagster as dg
import pyarrow.parquet as pq
import pytest

from persona_assets import tables
from persona_assets.assets.raw_events.assets import build_check_results, build_raw_events
from persona_assets.assets.raw_events.read_counts import ReadCounts
from persona_assets.capture.resource import Capture
from persona_assets.common.columns import require_schema
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.parquet_tables import ParquetIOManager
from persona_assets.partitions import daily_partitions
from persona_assets.recording.day_notes import add_gap_to_notes
from persona_assets.recording.results import Gap
from persona_assets_tests.assets.raw_events.builders import DAY, NOON_US, account, commit, like, line, post, write_file
from persona_assets_tests.checked import find_failed

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def materialize(capture, data, *, selection=None, instance=None):
    return dg.materialize(
        [build_raw_events(daily_partitions(DAY))],
        selection=selection,
        instance=instance,
        partition_key=f"{DAY}",
        resources={
            "capture": Capture(root=str(capture), pattern=None, workers=1),
            "scratch": Scratch(),
            "io_manager": ParquetIOManager(base=str(data)),
        },
    )


def about(result, asset):
    (found,) = [made for made in result.asset_materializations_for_node("raw_events") if made.asset_key.path == [asset]]
    return found.metadata


def test_one_step_writes_both_tables(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [post(), b"bad", like(), b""])

    result = materialize(tmp_path / "capture", tmp_path / "data")

    for name, schema, rows in (("raw_events", tables.RAW_EVENTS, 2), ("rejected_lines", tables.REJECTED_LINES, 2)):
        file = tmp_path / "data" / name / f"{DAY}.parquet"
        require_schema(pq.read_schema(file), tables.add_day_field(schema), table=name)
        assert pq.read_metadata(file).num_rows == rows
        assert about(result, name)["dagster/partition_row_count"].value == rows


@pytest.mark.parametrize("selected", ["raw_events", "rejected_lines"])
def test_selecting_one_asset_stores_both_with_the_same_bytes(tmp_path, selected):
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [post(), b"bad", like(), b""])
    both = materialize(tmp_path / "capture", tmp_path / "both")

    result = materialize(tmp_path / "capture", tmp_path / "one", selection=[selected])

    for name in ("raw_events", "rejected_lines"):
        file = f"{name}/{DAY}.parquet"
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "both" / file).read_bytes()
        assert about(result, name).keys() == about(both, name).keys()
    assert {check.asset_check_key: check.passed for check in result.get_asset_check_evaluations()} == {
        check.asset_check_key: check.passed for check in both.get_asset_check_evaluations()
    }


def test_metadata_counts_events_and_rejected_lines(tmp_path):
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [post("zq zq"), b"bad", like(), b""])

    metadata = about(materialize(tmp_path / "capture", tmp_path / "data"), "raw_events")

    assert {record.data["reason"]: record.data["count"] for record in metadata["dropped"].records} == {
        "not JSON": 1,
        "empty line": 1,
    }
    assert {record.data["kind"] for record in metadata["events"].records} == {
        "app.bsky.feed.post create",
        "app.bsky.feed.like create",
    }
    assert (metadata["files"].value, metadata["lines"].value, metadata["outside_day"].value) == (1, 4, 0)
    assert metadata["hours_without_files"].value.startswith("00, 01, 02, 03, 04, 05, 06, 08")
    assert metadata["seconds"].value > 0
    assert "zq" not in str(metadata)


def test_metadata_shows_no_invented_names_of_collections(tmp_path):
    names = [f"app.did.plc.{'a' * 24}", f"com.example.x{'zq' * 30}", "com.example." + "zq." * 100_000 + "thing"]
    events = [commit(name, {"a": 1}) for name in names] + [account(status="zq zq", active=False)]
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", events)

    result = materialize(tmp_path / "capture", tmp_path / "data")

    shown = str([materialization.metadata for materialization in result.asset_materializations_for_node("raw_events")])
    assert "zq" not in shown
    assert "plc" not in shown
    kinds = {record.data["kind"]: record.data["count"] for record in about(result, "raw_events")["events"].records}
    assert kinds == {"other collections create": 2, "account": 1}
    assert [record.data["reason"] for record in about(result, "rejected_lines")["rejected"].records] == [
        "commit.collection: not an NSID"
    ]


def test_metadata_counts_truncated_texts_and_values_beyond_the_first_of_a_line(tmp_path):
    long = post("x" * 3001, langs=list("abcd"))
    write_file(tmp_path / "capture" / "2025-03-01" / "07" / "a", [line(long) + line(post())])

    result = materialize(tmp_path / "capture", tmp_path / "data")

    metadata = about(result, "raw_events")
    assert [metadata[name].value for name in ("extra_values", "cut_texts", "cut_langs")] == [1, 1, 1]
    assert "every_line_is_accounted_for" not in find_failed(result.get_asset_check_evaluations())


def day_of(lines_by_hour, folder):
    """A capture with a file for each hour of the day; most hold one post."""
    for hour in range(24):
        lines = lines_by_hour.get(hour, [post(f"hour {hour}", rkey=f"{hour}")])
        write_file(folder / "2025-03-01" / f"{hour:02d}" / "a", lines)
    return folder


def test_a_sound_day_passes_all_checks(tmp_path):
    result = materialize(day_of({}, tmp_path / "capture"), tmp_path / "data")

    assert find_failed(result.get_asset_check_evaluations()) == {}
    assert len(result.get_asset_check_evaluations()) == 9


@pytest.mark.parametrize(
    ("hour", "check"),
    [
        ([b"bad", post()], "few_lines_are_rejected"),
        ([post(time_us=1_740_812_400_000)], "few_events_are_outside_the_day"),
        ([post(time_us=NOON_US + 86_400_000_000)], "few_events_are_outside_the_day"),
        ([post()] * 3, "few_events_are_repeated"),
        ([post(time_us=1_740_812_400_000_000 - n) for n in range(3)], "events_are_in_order"),
        ([], "every_hour_has_files"),
    ],
)
def test_an_unusual_day_fails_the_check_for_it_with_a_warning(tmp_path, hour, check):
    capture = day_of({7: hour}, tmp_path / "capture")
    if not hour:
        (capture / "2025-03-01" / "07" / "a").unlink()

    result = materialize(capture, tmp_path / "data")

    assert result.success
    assert find_failed(result.get_asset_check_evaluations()) == {check: dg.AssetCheckSeverity.WARN}


def test_gaps_that_a_recorder_noted_are_a_warning_with_their_time_and_reason(tmp_path):
    capture = day_of({}, tmp_path / "capture")
    add_gap_to_notes(capture, Gap(NOON_US, NOON_US + 90_500_000, "the connection was lost"))

    result = materialize(capture, tmp_path / "data")

    assert result.success
    assert set(find_failed(result.get_asset_check_evaluations())) == {"the_recording_has_no_gaps"}
    found = check_metadata(result, "the_recording_has_no_gaps")
    assert found["seconds_without_events"].value == 90.5
    assert "2025-03-01T12:00:00" in found["gaps"].value
    assert "the connection was lost" in found["gaps"].value


def check_metadata(result, name):
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == name]
    assert not check.passed
    return check.metadata


def test_a_broken_file_is_a_warning_and_does_not_lose_the_day(tmp_path):
    capture = day_of({}, tmp_path / "capture")
    (capture / "2025-03-01" / "07" / "b.gz").write_bytes(gzip.compress(line(post())) + b"garbage")

    result = materialize(capture, tmp_path / "data")

    assert result.success
    assert find_failed(result.get_asset_check_evaluations())["every_file_was_read_to_its_end"] is WARN
    found = check_metadata(result, "every_file_was_read_to_its_end")
    assert (found["broken_files"].value, found["bytes_not_read"].value) == (1, len(b"garbage"))
    assert about(result, "raw_events")["bytes_not_read"].value == len(b"garbage")


def test_files_without_events_are_named_with_their_bytes_whatever_their_names_are(tmp_path):
    capture = day_of({}, tmp_path / "capture")
    folder = capture / "2025-03-01" / "07"
    (folder / "b.zip").write_bytes(b"PK\x03\x04\x14\0\0\0" + bytes(92))
    (folder / "c.jsonl").write_bytes(b"")
    (folder / f"{'long' * 60}\nx").write_bytes(b"bad\n" * 3)
    (folder / os.fsdecode(b"\xff.jsonl")).write_bytes(b"bad\n")

    result = materialize(capture, tmp_path / "data")

    found = check_metadata(result, "every_file_has_events")
    assert (found["files_without_events"].value, found["bytes_without_events"].value) == (3, 100 + 12 + 4)
    names = [(record.data["file"], record.data["bytes"]) for record in found["first_of_them"].records]
    assert [name for name in names if len(name[0]) < 100] == [
        ("2025-03-01/07/\\xff.jsonl", 4),
        ("2025-03-01/07/b.zip", 100),
    ]
    ((long, size),) = [name for name in names if len(name[0]) >= 100]
    assert (len(long), long[-5:], size) == (201, "\\x0ax", 12)


def test_a_line_with_an_event_and_another_value_counts_as_a_file_with_events(tmp_path):
    capture = day_of({}, tmp_path / "capture")
    (capture / "2025-03-01" / "07" / "a.jsonl").write_bytes(b"[" + line(post("hello")).rstrip(b"\n") + b", {}]\n")

    result = materialize(capture, tmp_path / "data")

    assert about(result, "raw_events")["extra_values"].value == 1
    (check,) = [found for found in result.get_asset_check_evaluations() if found.check_name == "every_file_has_events"]
    assert check.passed


def test_a_compressed_file_without_lines_passes_the_check_for_events(tmp_path):
    capture = day_of({}, tmp_path / "capture")
    (capture / "2025-03-01" / "07" / "b.jsonl.gz").write_bytes(gzip.compress(b""))

    result = materialize(capture, tmp_path / "data")

    (check,) = [found for found in result.get_asset_check_evaluations() if found.check_name == "every_file_has_events"]
    assert check.passed


def test_at_most_20_files_without_events_are_named(tmp_path):
    for number in range(50):
        write_file(tmp_path / "capture" / "2025-03-01" / f"{number:02}", [b"bad"])

    found = check_metadata(materialize(tmp_path / "capture", tmp_path / "data"), "every_file_has_events")

    assert (found["files_without_events"].value, len(found["first_of_them"].records)) == (50, 20)


def test_lines_that_are_lost_fail_the_check_with_an_error():
    counts = ReadCounts(lines=3, kinds=Counter({("identity", None, None): 1}), rejected=Counter({"not JSON": 1}))

    failed = [
        answer
        for answer in build_check_results(counts, missing_hours=[])
        if answer.severity is ERROR and not answer.passed
    ]

    assert [answer.check_name for answer in failed] == ["every_line_is_accounted_for"]
